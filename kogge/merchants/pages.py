"""Signing in and out, changing the password, choosing the language and the merchant."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.forms import PasswordChangeForm
from django.contrib.auth.views import LoginView, LogoutView, PasswordChangeView
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse, reverse_lazy
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from kogge.merchants.access import MerchantRequest, reader, work_for
from kogge.merchants.login import SignInForm
from kogge.merchants.models import Merchant, User

A_YEAR = 365 * 24 * 3600


class SignInPageForm(SignInForm):
    """One sentence for every failure: it does not say which of the two was wrong."""

    error_messages = {
        **SignInForm.error_messages,
        "invalid_login": _("E-Mail-Adresse oder Passwort stimmt nicht. Achte auf Groß- und Kleinschreibung."),
    }


class SignIn(LoginView):
    template_name = "merchants/login.html"
    authentication_form = SignInPageForm
    redirect_authenticated_user = True


class SignOut(LogoutView):
    http_method_names = ["post", "options"]


class NewPasswordForm(PasswordChangeForm):
    """Asks for the present password, so that an unattended browser cannot be taken over."""

    old_password = forms.CharField(
        label=_("Bisheriges Passwort"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autofocus": True, "autocomplete": "current-password"}),
    )
    new_password1 = forms.CharField(
        label=_("Neues Passwort"),
        strip=False,
        help_text=_("Mindestens 12 Zeichen."),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    new_password2 = forms.CharField(
        label=_("Neues Passwort wiederholen"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )


class ChangePassword(PasswordChangeView):
    template_name = "merchants/password.html"
    form_class = NewPasswordForm
    success_url = reverse_lazy("settings")

    def form_valid(self, form: Any) -> HttpResponse:
        messages.success(self.request, _("Dein Passwort ist geändert."))
        return super().form_valid(form)


@require_POST
def choose_language(request: HttpRequest) -> HttpResponse:
    """Remember the language in a cookie and, when somebody is signed in, with the person."""
    language = request.POST.get("language", "")
    response = HttpResponseRedirect(_back(request))
    if language in dict(settings.LANGUAGES):
        response.set_cookie(
            settings.LANGUAGE_COOKIE_NAME,
            language,
            max_age=A_YEAR,
            httponly=True,
            samesite="Lax",
            secure=request.is_secure(),
        )
        if request.user.is_authenticated:
            User.objects.filter(pk=request.user.pk).update(language=language)
    return response


@require_POST
@reader
def choose_merchant(request: MerchantRequest) -> HttpResponse:
    """Go on for another merchant the person works for, from its overview."""
    # Looked up among the person's own: the answer tells nobody which other merchants there are.
    own = Merchant.objects.filter(memberships__user=request.user)
    merchant = get_object_or_404(own, slug=request.POST.get("merchant", ""))
    work_for(request, merchant)
    messages.success(request, gettext("Du arbeitest jetzt für %(name)s.") % {"name": merchant.name})
    return redirect("overview")


def _back(request: HttpRequest) -> str:
    """Where the person was; never another site."""
    wanted = request.POST.get("next", "")
    if url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure()):
        return wanted
    return reverse("overview")
