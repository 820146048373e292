from django.urls import path

from billing.payments import api, pages, webhooks

urlpatterns = [
    path("balance/top-up/", pages.top_up, name="top_up"),
    path("balance/top-up/price/", pages.top_up_price, name="top_up_price"),
    path("balance/plans/<int:pk>/", pages.subscribe, name="subscribe"),
    path("balance/redeem/", pages.redeem_page, name="redeem"),
    path("balance/payments/", pages.payment_settings, name="payment_settings"),
    path("balance/payments/card/", pages.save_card, name="save_card"),
    path("balance/payments/card/remove/", pages.remove_card, name="remove_card"),
    path("balance/payments/portal/", pages.portal, name="portal"),
    path("balance/payments/<uuid:pk>/", pages.payment, name="payment"),
    path("balance/payments/<uuid:pk>/state/", pages.payment_state, name="payment_state"),
    path("stripe/webhook", webhooks.receive, name="stripe-webhook"),
    path("api/v1/packs", api.Packs.as_view()),
    path("api/v1/checkouts", api.Checkouts.as_view()),
    path("api/v1/checkouts/<uuid:pk>", api.Checkout.as_view()),
    path("api/v1/redeem", api.Redeem.as_view()),
]
