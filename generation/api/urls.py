from django.urls import path
from drf_spectacular.views import SpectacularAPIView

from billing import api as billing
from generation.api import files, generations, usage

urlpatterns = [
    path("models", generations.Models.as_view()),
    path("models/<path:model>", generations.Model.as_view()),
    path("quotes", generations.Quotes.as_view()),
    path("generations", generations.Generations.as_view()),
    path("generations/<uuid:pk>", generations.GenerationDetail.as_view()),
    path("generations/<uuid:pk>/cancel", generations.Cancel.as_view()),
    path("generations/<uuid:pk>/receipt", generations.Receipt.as_view()),
    path("files", files.Files.as_view()),
    path("files/<uuid:pk>", files.File.as_view()),
    path("balance", billing.Balance.as_view()),
    path("entries", billing.Entries.as_view()),
    path("lots", billing.Lots.as_view()),
    path("lots/<int:pk>/changes", billing.LotChanges.as_view()),
    path("usage", usage.Usage.as_view()),
    path("schema/", SpectacularAPIView.as_view(), name="schema"),
]
