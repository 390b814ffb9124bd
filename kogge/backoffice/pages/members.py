"""Benutzer: who works here. The owner adds colleagues, changes what they may do, and removes them."""

from __future__ import annotations

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from kogge.backoffice.pages.order_acts import REFUSED
from kogge.merchants.access import MerchantRequest, owner_only
from kogge.merchants.accounts import AccountRefused, add_user, change_role, remove_member
from kogge.merchants.models import Membership, Role


class RoleForm(forms.Form):
    """What somebody may do for the merchant."""

    role = forms.ChoiceField(
        label=gettext_lazy("Rolle"),
        choices=Role.choices,
        initial=Role.STAFF,
        help_text=gettext_lazy(
            "Inhaber dürfen alles, auch Benutzer und Verbindungen verwalten. Mitarbeiter bearbeiten "
            "Bestellungen und Produkte. „Nur lesen“ sieht alles und ändert nichts."
        ),
    )


class NewMemberForm(RoleForm):
    """A colleague, and the password for the first time."""

    name = forms.CharField(
        label=gettext_lazy("Name"), max_length=200, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    email = forms.EmailField(
        label=gettext_lazy("E-Mail-Adresse"),
        max_length=254,
        help_text=gettext_lazy("Damit meldet sich die Person an."),
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
    )
    # To be read, because it is passed on; a slip unseen would lock the colleague out.
    password = forms.CharField(
        label=gettext_lazy("Erstes Passwort"),
        max_length=200,
        strip=False,
        help_text=gettext_lazy(
            "Mindestens 12 Zeichen. Gib es persönlich weiter; die Person ändert es nach der ersten Anmeldung "
            "unter „Einstellungen“."
        ),
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "spellcheck": "false", "autocapitalize": "none"}
        ),
    )

    field_order = ["name", "email", "role", "password"]


@owner_only
def new_member(request: MerchantRequest) -> HttpResponseBase:
    """Add a colleague, who can sign in at once."""
    form = NewMemberForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            user = add_user(
                request.merchant,
                name=form.cleaned_data["name"],
                email=form.cleaned_data["email"],
                password=form.cleaned_data["password"],
                role=Role(form.cleaned_data["role"]),
                now=timezone.now(),
            )
        except AccountRefused as refused:
            form.add_error(refused.field, str(refused))
        else:
            messages.success(request, _("%(email)s kann sich jetzt anmelden.") % {"email": user.email})
            return redirect("settings")
    return _shown(request, "backoffice/member_new.html", {"form": form})


@owner_only
def member(request: MerchantRequest, pk: int) -> HttpResponseBase:
    """Somebody who works here; the owner may change the role."""
    membership = _membership(request, pk)
    form = RoleForm(request.POST or None, initial={"role": membership.role})
    if request.method == "POST" and form.is_valid():
        try:
            change_role(request.merchant, membership.user, Role(form.cleaned_data["role"]))
        except AccountRefused as refused:
            form.add_error(refused.field, str(refused))
        except Membership.DoesNotExist:
            raise Http404 from None
        else:
            messages.success(
                request, _("Die Rolle von %(email)s ist geändert.") % {"email": membership.user.email}
            )
            return redirect("settings")
    return _shown(request, "backoffice/member.html", {"form": form, "member": membership.user, "pk": pk})


@owner_only
def remove(request: MerchantRequest, pk: int) -> HttpResponseBase:
    """Ask whether somebody shall lose the access, naming the consequence; then take it away."""
    membership = _membership(request, pk)
    user, refusal = membership.user, ""
    if request.method == "POST":
        try:
            remove_member(request.merchant, user)
        except AccountRefused as refused:
            refusal = str(refused)
        except Membership.DoesNotExist:
            raise Http404 from None
        else:
            messages.success(request, _("%(email)s hat keinen Zugang mehr.") % {"email": user.email})
            return redirect("settings")
    return _shown(request, "backoffice/member_remove.html", {"member": user, "refusal": refusal, "pk": pk})


def _membership(request: MerchantRequest, pk: int) -> Membership:
    return get_object_or_404(request.merchant.memberships.select_related("user"), pk=pk)


def _shown(request: MerchantRequest, template: str, context: dict[str, object]) -> HttpResponse:
    # A POST that comes here was refused.
    return render(request, template, context, status=REFUSED if request.method == "POST" else 200)
