from django.urls import path
from drf_spectacular.views import SpectacularAPIView

from billing import api as billing
from generation import api, api_files, api_usage

urlpatterns = [
    path("models", api.Models.as_view()),
    path("models/<path:model>", api.Model.as_view()),
    path("quotes", api.Quotes.as_view()),
    path("generations", api.Generations.as_view()),
    path("generations/<uuid:pk>", api.GenerationDetail.as_view()),
    path("generations/<uuid:pk>/cancel", api.Cancel.as_view()),
    path("generations/<uuid:pk>/receipt", api.Receipt.as_view()),
    path("files", api_files.Files.as_view()),
    path("files/<uuid:pk>", api_files.File.as_view()),
    path("balance", billing.Balance.as_view()),
    path("entries", billing.Entries.as_view()),
    path("lots", billing.Lots.as_view()),
    path("lots/<int:pk>/changes", billing.LotChanges.as_view()),
    path("usage", api_usage.Usage.as_view()),
    path("schema/", SpectacularAPIView.as_view(), name="schema"),
]
