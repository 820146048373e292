from django.urls import path

from generation import files, history, statements, usage_pages, views

urlpatterns = [
    path("", views.models, name="models"),
    # An id contains slashes, so what is longest comes first.
    path("models/<path:model>/price/", views.price, name="price"),
    path("models/<path:model>/", views.model, name="model"),
    path("uploads/", views.upload, name="upload"),
    path("uploads/recent/", views.recent_uploads, name="recent-uploads"),
    path("generations/", history.generations, name="generations"),
    path("generations/<uuid:pk>/", history.generation, name="generation"),
    path("generations/<uuid:pk>/card/", history.card, name="generation-card"),
    path("generations/<uuid:pk>/cancel/", history.cancel, name="generation-cancel"),
    path("generations/<uuid:pk>/receipt/", history.printed_receipt, name="generation-receipt"),
    path("usage/", usage_pages.index, name="usage"),
    path("balance/<int:year>/<int:month>/statement.csv", statements.as_csv, name="statement-csv"),
    path("balance/<int:year>/<int:month>/statement.pdf", statements.as_pdf, name="statement-pdf"),
    path("files/<str:token>/<str:name>", files.serve, name="file"),
    path("api/", views.api, name="api"),
]
