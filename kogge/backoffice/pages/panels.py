"""Drawing the boxes that channels put on the shop's pages."""

from __future__ import annotations

from django.template.loader import render_to_string

from kogge.backoffice.channels import Panel
from kogge.merchants.access import MerchantRequest, may
from kogge.merchants.models import Role


def draw(panel: Panel, request: MerchantRequest) -> str:
    """The box as HTML. Their role lets people act in it, also where the page around it is only looked at."""
    mine = {"may_act": may(request.role, Role.STAFF)}
    return render_to_string(panel.template, mine | dict(panel.context), request)
