from django.urls import path

from billing import api_payments as api
from billing import payment_views as views
from billing import webhooks

urlpatterns = [
    path("balance/top-up/", views.top_up, name="top_up"),
    path("balance/top-up/price/", views.top_up_price, name="top_up_price"),
    path("balance/plans/<int:pk>/", views.subscribe, name="subscribe"),
    path("balance/redeem/", views.redeem_page, name="redeem"),
    path("balance/payments/", views.payment_settings, name="payment_settings"),
    path("balance/payments/card/", views.save_card, name="save_card"),
    path("balance/payments/card/remove/", views.remove_card, name="remove_card"),
    path("balance/payments/portal/", views.portal, name="portal"),
    path("balance/payments/<uuid:pk>/", views.payment, name="payment"),
    path("balance/payments/<uuid:pk>/state/", views.payment_state, name="payment_state"),
    path("stripe/webhook", webhooks.receive, name="stripe-webhook"),
    path("api/v1/packs", api.Packs.as_view()),
    path("api/v1/checkouts", api.Checkouts.as_view()),
    path("api/v1/checkouts/<uuid:pk>", api.Checkout.as_view()),
    path("api/v1/redeem", api.Redeem.as_view()),
]
