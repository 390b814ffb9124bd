"""Every address of Kogge, in one list."""

from __future__ import annotations

from django.urls import path

from kogge.amazon.pages import (
    agreement,
    assigning,
    carriers,
    connecting,
    offer_creating,
    offer_matching,
    offer_panel,
    offers,
    runs,
    troubles,
)
from kogge.amazon.pages import settings as amazon
from kogge.backoffice.pages import (
    bulk,
    channels,
    errors,
    health,
    members,
    order_acts,
    order_entry,
    order_list,
    order_page,
    outbox,
    overview,
    packing_slip,
    product_export,
    product_import,
    product_page,
    products,
    settings,
)
from kogge.merchants import pages as people

handler403 = errors.forbidden
handler404 = errors.not_found
handler500 = errors.broken

urlpatterns = [
    # --- who is there ---------------------------------------------------------------------------
    path("anmelden/", people.SignIn.as_view(), name="login"),
    path("abmelden/", people.SignOut.as_view(), name="logout"),
    path("einstellungen/passwort/", people.ChangePassword.as_view(), name="password_change"),
    path("einstellungen/sprache/", people.choose_language, name="language"),
    path("einstellungen/haendler/", people.choose_merchant, name="merchant"),
    path("health/live", health.live, name="health"),
    # --- the built-in shop ----------------------------------------------------------------------
    path("", overview.overview, name="overview"),
    path("bestellungen/", order_list.order_list, name="orders"),
    path("bestellungen/neue/", order_list.fresh_orders, name="orders_fresh"),
    path("bestellungen/anlegen/", order_entry.new_order, name="order_new"),
    path("bestellungen/auswahl/", bulk.act_on_many, name="orders_bulk"),
    path("bestellungen/versenden/", bulk.ship_many, name="orders_ship"),
    path("bestellungen/packzettel.pdf", packing_slip.packing_slips, name="packing_slips"),
    path("bestellungen/<int:number>/", order_page.order, name="order"),
    path("bestellungen/<int:number>/aktuell/", order_page.order_live, name="order_live"),
    path("bestellungen/<int:number>/packzettel.pdf", packing_slip.packing_slip, name="packing_slip"),
    path("bestellungen/<int:number>/<slug:act>/", order_acts.order_act, name="order_act"),
    path("produkte/", products.products, name="products"),
    path("produkte/anlegen/", product_page.new_product, name="product_new"),
    path("produkte/import/", product_import.product_import, name="product_import"),
    path("produkte/import/<int:pk>/", product_import.product_file, name="product_file"),
    path("produkte/export.csv", product_export.product_export, name="product_export"),
    path("produkte/<int:pk>/", product_page.product, name="product"),
    path("produkte/<int:pk>/bestand/", product_page.correct_stock, name="product_stock"),
    path("produkte/<int:pk>/bild/", product_page.change_picture, name="product_picture"),
    path("bilder/<str:name>", product_page.picture, name="picture"),
    path("verkaufskanaele/", channels.channels, name="channels"),
    path("erweiterungen/apps/", channels.apps, name="apps"),
    path("einstellungen/", settings.settings, name="settings"),
    path("einstellungen/benutzer/hinzufuegen/", members.new_member, name="member_new"),
    path("einstellungen/benutzer/<int:pk>/", members.member, name="member"),
    path("einstellungen/benutzer/<int:pk>/entziehen/", members.remove, name="member_remove"),
    path("einstellungen/postausgang/", outbox.outbox, name="outbox"),
    path("einstellungen/postausgang/<int:pk>/", outbox.mail, name="mail"),
    # --- the Amazon app -------------------------------------------------------------------------
    path("apps/amazon/", amazon.amazon, name="amazon"),
    path("apps/amazon/verbinden/", connecting.choose_way, name="amazon_connect"),
    path("apps/amazon/verbinden/eigene-app/", connecting.private_app, name="amazon_connect_private"),
    path("apps/amazon/verbinden/zustimmung/", connecting.ask_consent, name="amazon_connect_consent"),
    path("apps/amazon/verbinden/auswahl/", connecting.choose, name="amazon_connect_choose"),
    path("apps/amazon/zustimmung/", connecting.consent_given, name="amazon_consent"),
    path("apps/amazon/<int:pk>/verbunden/", connecting.connected, name="amazon_connected"),
    path("apps/amazon/<int:pk>/stand/", amazon.state, name="amazon_state"),
    path("apps/amazon/<int:pk>/pruefen/", amazon.check, name="amazon_check"),
    path("apps/amazon/<int:pk>/versandbestaetigung/", amazon.dispatch_mail, name="amazon_dispatch_mail"),
    path("apps/amazon/<int:pk>/marktplaetze/", amazon.marketplaces, name="amazon_marketplaces"),
    path("apps/amazon/<int:pk>/zugangsdaten/", amazon.credentials, name="amazon_credentials"),
    path("apps/amazon/<int:pk>/anhalten/", amazon.pause, name="amazon_pause"),
    path("apps/amazon/<int:pk>/fortsetzen/", amazon.resume, name="amazon_resume"),
    path("apps/amazon/<int:pk>/trennen/", amazon.disconnect, name="amazon_disconnect"),
    path("apps/amazon/<int:pk>/abgleich/", agreement.agree, name="amazon_agree"),
    path("apps/amazon/<int:pk>/abgleich.csv", agreement.export, name="amazon_agree_csv"),
    path("apps/amazon/<int:pk>/abgleich/preise/", agreement.confirm, name="amazon_prices_confirm"),
    path("apps/amazon/<int:pk>/abgleich/sicherheitsbestand/", agreement.buffer, name="amazon_buffer"),
    path("apps/amazon/angebote/", offers.offers, name="amazon_offers"),
    path("apps/amazon/angebote/auswahl/", offers.act, name="amazon_offers_act"),
    path("apps/amazon/pruefungen/", runs.runs, name="amazon_runs"),
    path("apps/amazon/aufgaben/", troubles.troubles, name="amazon_troubles"),
    path("apps/amazon/aufgaben/<int:pk>/zuordnen/", assigning.assign, name="amazon_assign"),
    path("apps/amazon/aufgaben/<int:pk>/<slug:act>/", troubles.act, name="amazon_trouble_act"),
    path("apps/amazon/versender/", carriers.carriers, name="amazon_carriers"),
    path("apps/amazon/versender/entfernen/", carriers.remove_carrier, name="amazon_carrier_remove"),
    path("apps/amazon/angebot/<int:pk>/", offer_panel.save_offer, name="amazon_offer"),
    path("apps/amazon/angebot/<int:pk>/stand/", offer_panel.offer_state, name="amazon_offer_state"),
    path("apps/amazon/angebot/<int:pk>/suchen/", offer_matching.search, name="amazon_offer_search"),
    path("apps/amazon/angebot/<int:pk>/sku/", offer_matching.skus, name="amazon_offer_skus"),
    path("apps/amazon/angebot/<int:pk>/anlegen/", offer_creating.create, name="amazon_offer_create"),
    path(
        "apps/amazon/angebot/<int:pk>/<int:connection>/<slug:act>/", offer_panel.act, name="amazon_offer_act"
    ),
]
