"""The APIs of others, where their clients expect them. They stream, so they are served by ASGI (kieplatform.asgi)."""

from django.urls import path

from chat import api, native

urlpatterns = [
    path("v1/chat/completions", api.completions, name="chat-completions"),
    path("v1/models", api.models, name="chat-models"),
    path("v1/models/<path:model>", api.model, name="chat-model"),
    path("v1/messages", native.messages, name="chat-messages"),
    path("v1/responses", native.responses, name="chat-responses"),
    path("v1beta/models/<str:model>:<str:method>", native.gemini, name="chat-gemini"),
]
