from django.urls import path

from billing.pages import balance, lots

urlpatterns = [
    path("balance/", balance.balance, name="balance"),
    path("balance/statements/", balance.statements, name="statements"),
    path("balance/<int:year>/<int:month>/", balance.month, name="statement"),
    path("balance/lots/", lots.index, name="lots"),
    path("balance/lots/<int:pk>/", lots.detail, name="lot"),
    path("balance/settings/", balance.settings_page, name="balance-settings"),
    path("balance/time-zone/", balance.time_zone, name="time-zone"),
]
