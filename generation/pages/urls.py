from django.urls import path

from generation.pages import files, history, model, statements, usage

urlpatterns = [
    path("", model.models, name="models"),
    # An id contains slashes, so what is longest comes first.
    path("models/<path:model>/price/", model.price, name="price"),
    path("models/<path:model>/", model.model, name="model"),
    path("uploads/", model.upload, name="upload"),
    path("uploads/recent/", model.recent_uploads, name="recent-uploads"),
    path("generations/", history.generations, name="generations"),
    path("generations/<uuid:pk>/", history.generation, name="generation"),
    path("generations/<uuid:pk>/card/", history.card, name="generation-card"),
    path("generations/<uuid:pk>/cancel/", history.cancel, name="generation-cancel"),
    path("generations/<uuid:pk>/receipt/", history.printed_receipt, name="generation-receipt"),
    path("usage/", usage.index, name="usage"),
    path("balance/<int:year>/<int:month>/statement.csv", statements.as_csv, name="statement-csv"),
    path("balance/<int:year>/<int:month>/statement.pdf", statements.as_pdf, name="statement-pdf"),
    path("files/<str:token>/<str:name>", files.serve, name="file"),
    path("api/", model.api, name="api"),
]
