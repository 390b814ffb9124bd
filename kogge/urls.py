"""Every address of Kogge, in one list."""

from __future__ import annotations

from django.urls import path, re_path

from kogge.amazon.pages import (
    agreement,
    assigning,
    carriers,
    connecting,
    fulfilment_acts,
    fulfilment_pages,
    fulfilment_settings,
    offer_creating,
    offer_matching,
    offer_panel,
    offers,
    runs,
    troubles,
    work,
)
from kogge.amazon.pages import settings as amazon
from kogge.backoffice.api import docs as api_docs
from kogge.backoffice.api import key_pages, registering
from kogge.backoffice.api import views as api_views
from kogge.backoffice.pages import (
    bulk,
    channels,
    deep_links,
    errors,
    health,
    members,
    order_acts,
    order_edit,
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
from kogge.backoffice.storefront.pages import basket, browsing, buying_pages
from kogge.backoffice.storefront.pages import settings as storefront_settings
from kogge.merchants import pages as people
from kogge.metrics.page import metrics
from kogge.remote import hints
from kogge.remote import pages as remote

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
    path("health/ready", health.ready, name="health_ready"),
    path("metrics", metrics, name="metrics"),
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
    path("bestellungen/<int:number>/bearbeiten/", order_edit.edit, name="order_edit"),
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
    path("admin/sales/orders/<int:pk>", deep_links.order, name="order_link"),
    path("admin/catalog/products/<int:pk>/edit", deep_links.product, name="product_link"),
    path("verkaufskanaele/", channels.channels, name="channels"),
    path("verkaufskanaele/<slug:name>/aktivieren/", channels.activate, name="channel_activate"),
    path("verkaufskanaele/<slug:name>/deaktivieren/", channels.deactivate, name="channel_deactivate"),
    path("erweiterungen/apps/", channels.apps, name="apps"),
    path("erweiterungen/apps/<slug:name>/registrieren/", channels.register, name="app_register"),
    path("erweiterungen/apps/<slug:name>/deinstallieren/", channels.uninstall, name="app_uninstall"),
    path("einstellungen/", settings.settings, name="settings"),
    path("einstellungen/benutzer/hinzufuegen/", members.new_member, name="member_new"),
    path("einstellungen/benutzer/<int:pk>/", members.member, name="member"),
    path("einstellungen/benutzer/<int:pk>/entziehen/", members.remove, name="member_remove"),
    path("einstellungen/laden/", storefront_settings.settings, name="storefront_settings"),
    path("einstellungen/laden/versandart/", storefront_settings.shipping, name="storefront_shipping"),
    path("einstellungen/postausgang/", outbox.outbox, name="outbox"),
    path("einstellungen/postausgang/<int:pk>/", outbox.mail, name="mail"),
    path("einstellungen/hintergrundarbeit/", work.work, name="amazon_work"),
    path("einstellungen/hintergrundarbeit/stand/", work.state, name="amazon_work_state"),
    path("einstellungen/hintergrundarbeit/<int:pk>/", work.run, name="amazon_work_run"),
    # --- the storefront -------------------------------------------------------------------------
    path("laden/<slug:slug>/", browsing.products, name="storefront"),
    path("laden/<slug:slug>/produkt/<int:pk>/", browsing.product, name="storefront_product"),
    path("laden/<slug:slug>/bilder/<str:name>", browsing.picture, name="storefront_picture"),
    path("laden/<slug:slug>/info/<slug:page>/", browsing.info, name="storefront_info"),
    path("laden/<slug:slug>/warenkorb/", basket.cart, name="storefront_cart"),
    path("laden/<slug:slug>/kasse/", buying_pages.checkout, name="storefront_checkout"),
    path("laden/<slug:slug>/kasse/pruefen/", buying_pages.summary, name="storefront_summary"),
    path("laden/<slug:slug>/danke/<int:number>/", buying_pages.thanks, name="storefront_thanks"),
    # --- the shop's API ------------------------------------------------------------------------
    path("einstellungen/api/", key_pages.api_keys, name="api_keys"),
    path("einstellungen/api/app/", key_pages.new_app, name="api_app_new"),
    path("einstellungen/api/schluessel/", key_pages.new_shop_key, name="api_key_new"),
    path("einstellungen/api/<int:pk>/bestaetigen/", key_pages.register, name="api_key_register"),
    path("einstellungen/api/<int:pk>/widerrufen/", key_pages.revoke, name="api_key_revoke"),
    path("einstellungen/api/adresse/", key_pages.new_webhook, name="api_webhook_new"),
    path(
        "einstellungen/api/adresse/<int:pk>/entfernen/", key_pages.remove_webhook, name="api_webhook_remove"
    ),
    path("api/auth", registering.agree, name="api_auth"),
    path("api/auth.xml", registering.token, name="api_token"),
    path("api/docs", api_docs.docs, name="api_docs"),
    path("api/docs/openapi.json", api_docs.openapi, name="api_openapi"),
    re_path(r"^api/(?P<path>(?s:.*))\Z", api_views.api, name="api"),  # whatever it is, it gets a document
    # Where the Ruby client asks once it has followed an association: it forgets the prefix then.
    re_path(
        r"^(?P<path>(?:items|payments|shipments|variants|properties)(?:/\d+)?\.(?:json|xml))\Z",
        api_views.api,
        name="api_without_prefix",
    ),
    # --- a shop elsewhere -----------------------------------------------------------------------
    path("einstellungen/shop/", remote.shop, name="remote_shop"),
    path("einstellungen/shop/stand/", remote.state, name="remote_state"),
    path("einstellungen/shop/verbinden/", remote.connect, name="remote_connect"),
    path("einstellungen/shop/registrieren/", remote.register, name="remote_register"),
    path("einstellungen/shop/angemeldet/", remote.registered, name="remote_registered"),
    path("einstellungen/shop/schluessel/", remote.connect_with_key, name="remote_connect_key"),
    path("einstellungen/shop/lesen/", remote.read_now, name="remote_read"),
    path("einstellungen/shop/pruefen/", remote.test, name="remote_test"),
    path("einstellungen/shop/anhalten/", remote.pause, name="remote_pause"),
    path("einstellungen/shop/fortsetzen/", remote.resume, name="remote_resume"),
    path("einstellungen/shop/trennen/", remote.cut, name="remote_cut"),
    path("einstellungen/shop/schalter/", remote.save_switches, name="remote_switches"),
    path("einstellungen/shop/meldungen/<int:pk>/<slug:act>/", remote.act_on_errand, name="remote_errand"),
    path("einstellungen/shop/bestellungen/<int:pk>/erledigt/", remote.close_trouble, name="remote_trouble"),
    path("hook/<str:secret>", hints.hook, name="remote_hook"),
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
    path("apps/amazon/<int:pk>/benachrichtigungen/", amazon.notifications, name="amazon_notifications"),
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
    path("apps/amazon/versand/", fulfilment_pages.orders, name="amazon_fulfillment"),
    path("apps/amazon/versand/bestand/", fulfilment_pages.stock, name="amazon_fulfillment_stock"),
    path("apps/amazon/versand/bestand/lesen/", fulfilment_pages.read_stock, name="amazon_fulfillment_read"),
    path("apps/amazon/versand/bei-amazon/", fulfilment_pages.sold, name="amazon_fulfillment_sold"),
    path(
        "apps/amazon/versand/einstellungen/", fulfilment_settings.settings, name="amazon_fulfillment_settings"
    ),
    path("apps/amazon/versand/versandart/", fulfilment_settings.save_speed, name="amazon_fulfillment_speed"),
    path(
        "apps/amazon/versand/versandart/vorschlaege/",
        fulfilment_settings.save_suggestions,
        name="amazon_fulfillment_suggestions",
    ),
    path(
        "apps/amazon/versand/versandart/entfernen/",
        fulfilment_settings.remove_speed,
        name="amazon_fulfillment_speed_remove",
    ),
    path(
        "bestellungen/amazon/<int:pk>/stornieren/", fulfilment_acts.cancel, name="amazon_fulfillment_cancel"
    ),
    path("apps/amazon/versand/<int:pk>/<slug:act>/", fulfilment_acts.act, name="amazon_fulfillment_act"),
    path("apps/amazon/<int:pk>/versand/", fulfilment_settings.save, name="amazon_fulfillment_save"),
    path("bestellungen/<int:number>/amazon/versenden/", fulfilment_acts.ship, name="amazon_fulfillment_ship"),
    path("apps/amazon/pruefungen/", runs.runs, name="amazon_runs"),
    path("apps/amazon/aufgaben/", troubles.troubles, name="amazon_troubles"),
    path("apps/amazon/aufgaben/<int:pk>/zuordnen/", assigning.assign, name="amazon_assign"),
    path("apps/amazon/aufgaben/<int:pk>/<slug:act>/", troubles.act, name="amazon_trouble_act"),
    path("apps/amazon/versender/", carriers.carriers, name="amazon_carriers"),
    path("apps/amazon/versender/entfernen/", carriers.remove_carrier, name="amazon_carrier_remove"),
    path("produkte/<int:pk>/amazon/", offer_panel.save_offer, name="amazon_offer"),
    path("produkte/<int:pk>/amazon/lager/", offer_panel.look_up, name="amazon_offer_shelf"),
    path("produkte/<int:pk>/amazon/stand/", offer_panel.offer_state, name="amazon_offer_state"),
    path("produkte/<int:pk>/amazon/suchen/", offer_matching.search, name="amazon_offer_search"),
    path("produkte/<int:pk>/amazon/sku/", offer_matching.skus, name="amazon_offer_skus"),
    path("produkte/<int:pk>/amazon/anlegen/", offer_creating.create, name="amazon_offer_create"),
    path("produkte/<int:pk>/amazon/<int:connection>/<slug:act>/", offer_panel.act, name="amazon_offer_act"),
]
