from django.urls import path

from chat import pages

urlpatterns = [
    path("", pages.index, name="chat"),
    path("send/", pages.send, name="chat-send"),
    path("hold/", pages.hold, name="chat-hold"),
    path("pictures/<uuid:pk>/", pages.picture, name="chat-picture"),
    path("<uuid:pk>/", pages.conversation, name="conversation"),
    path("<uuid:pk>/stop/", pages.stop, name="chat-stop"),
    path("<uuid:pk>/rename/", pages.rename, name="chat-rename"),
    path("<uuid:pk>/delete/", pages.delete, name="chat-delete"),
    path("<uuid:pk>/messages/<int:number>/", pages.message, name="chat-message"),
]
