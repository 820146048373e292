"""The platform's own addresses, and the bare views that they are held against."""

from django.urls import include, path

from benchmarks import views

urlpatterns = [
    path("bare/api", views.read_wallet),
    path("bare/bell/<str:token>/", views.touch_generation),
    path("", include("kieplatform.urls")),
]
