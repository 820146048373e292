"""Makes the audited admin the admin. Apart from it, because apps are configured before there are models."""

from django.contrib.admin.apps import AdminConfig


class AuditedAdminConfig(AdminConfig):
    default_site = "accounts.audit.AuditedSite"
