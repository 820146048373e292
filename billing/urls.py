from django.urls import path

from billing import views

urlpatterns = [path("balance/", views.balance, name="balance")]
