from django.urls import path

from billing import lot_pages, views

urlpatterns = [
    path("balance/", views.balance, name="balance"),
    path("balance/statements/", views.statements, name="statements"),
    path("balance/<int:year>/<int:month>/", views.month, name="statement"),
    path("balance/lots/", lot_pages.index, name="lots"),
    path("balance/lots/<int:pk>/", lot_pages.detail, name="lot"),
    path("balance/settings/", views.settings_page, name="balance-settings"),
    path("balance/time-zone/", views.time_zone, name="time-zone"),
]
