"""Adjustments with a second person, refunds after incidents, checks of the books; entries are found by their time."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models
from django.db.models import F, Q


def number():
    return models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")


def person(**more):
    return models.ForeignKey(
        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL, **more
    )


def belongs(to, kind=models.ForeignKey, **more):
    return kind(on_delete=django.db.models.deletion.PROTECT, to=to, **more)


ADJUSTMENT_STATES = [("pending", "waits for a second person"), ("booked", "Booked"), ("declined", "Declined")]
INCIDENT_STATES = [("refunding", "Refunding"), ("mailing", "telling the customers"), ("done", "Done")]
OUTCOMES = [("waiting", "Waiting"), ("refunded", "Refunded"), ("excluded", "was refunded meanwhile")]


class Migration(migrations.Migration):
    dependencies = [("accounts", "0002_limits"), ("billing", "0008_operations")]
    operations = [
        migrations.AddIndex("entry", models.Index(fields=["created_at"], name="entry_created")),
        migrations.CreateModel(
            name="Adjustment",
            fields=[
                ("id", number()),
                (
                    "kind",
                    models.CharField(choices=[("grant", "Grant"), ("adjust", "adjustment")], max_length=6),
                ),
                ("amount_millicredits", models.BigIntegerField()),
                ("reason", models.CharField(max_length=300)),
                ("expires_at", models.DateTimeField(blank=True, null=True)),
                ("key", models.CharField(max_length=120, unique=True)),
                ("state", models.CharField(choices=ADJUSTMENT_STATES, default="pending", max_length=8)),
                ("needs_approval", models.BooleanField()),
                ("created_at", models.DateTimeField(db_index=True, default=django.utils.timezone.now)),
                ("decided_at", models.DateTimeField(blank=True, null=True)),
                ("answer", models.CharField(blank=True, max_length=300)),
                ("before_millicredits", models.BigIntegerField(blank=True, null=True)),
                ("after_millicredits", models.BigIntegerField(blank=True, null=True)),
                ("author", person()),
                ("decided_by", person(blank=True, null=True)),
                (
                    "entry",
                    belongs("billing.entry", models.OneToOneField, blank=True, null=True, related_name="adjustment"),
                ),
                ("user", person()),
            ],
            options={
                "permissions": [("approve_adjustment", "Can approve adjustments of others")],
                "constraints": [
                    models.CheckConstraint(condition=~Q(amount_millicredits=0), name="adjustment_some"),
                    models.CheckConstraint(
                        condition=~Q(kind="grant") | Q(amount_millicredits__gt=0), name="adjustment_grant_floor"
                    ),
                    models.CheckConstraint(
                        condition=~Q(state="booked") | Q(entry__isnull=False), name="adjustment_booked_has_entry"
                    ),
                    models.CheckConstraint(
                        condition=~Q(state="booked", needs_approval=True)
                        | (Q(decided_by__isnull=False) & ~Q(decided_by=F("author"))),
                        name="adjustment_second_person",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Incident",
            fields=[
                ("id", number()),
                ("key", models.CharField(max_length=60, unique=True)),
                ("criteria", models.JSONField()),
                ("reason", models.CharField(max_length=300)),
                ("public_text", models.CharField(max_length=500)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
                ("state", models.CharField(choices=INCIDENT_STATES, default="refunding", max_length=9)),
                ("leased_until", models.DateTimeField(blank=True, null=True)),
                ("author", person()),
            ],
            options={
                "verbose_name": "incident refund",
                "indexes": [models.Index(fields=["state"], condition=~Q(state="done"), name="incident_open")],
            },
        ),
        migrations.CreateModel(
            name="IncidentItem",
            fields=[
                ("id", number()),
                ("about", models.CharField(max_length=120, unique=True)),
                ("amount_millicredits", models.BigIntegerField()),
                ("outcome", models.CharField(choices=OUTCOMES, default="waiting", max_length=8)),
                (
                    "entry",
                    belongs("billing.entry", models.OneToOneField, null=True, related_name="incident_item"),
                ),
                ("incident", belongs("billing.incident", related_name="items")),
                ("user", person()),
            ],
            options={
                "indexes": [
                    models.Index(
                        fields=["incident", "id"], condition=Q(outcome="waiting"), name="incident_item_waiting"
                    ),
                    models.Index(fields=["incident", "user"], name="incident_item_of_user"),
                ],
                "constraints": [
                    models.CheckConstraint(condition=Q(amount_millicredits__gt=0), name="incident_item_floor"),
                    models.CheckConstraint(
                        condition=Q(outcome="refunded", entry__isnull=False) | ~Q(outcome="refunded") & Q(entry=None),
                        name="incident_item_entry",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="IncidentMail",
            fields=[
                ("id", number()),
                ("sent_at", models.DateTimeField(null=True)),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("incident", belongs("billing.incident", related_name="mails")),
                ("user", person()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=["incident", "user"], name="incident_mail_once"),
                ],
            },
        ),
        migrations.CreateModel(
            name="MoneyCheck",
            fields=[
                ("id", number()),
                ("started_at", models.DateTimeField(db_index=True, default=django.utils.timezone.now)),
                ("milliseconds", models.PositiveIntegerField()),
                ("entries", models.BigIntegerField()),
                ("violations", models.PositiveIntegerField()),
                ("counts", models.JSONField(default=list)),
                ("found", models.JSONField(default=list)),
            ],
            options={
                "get_latest_by": "started_at",
                "verbose_name": "check of the books",
                "verbose_name_plural": "checks of the books",
                "permissions": [("view_money", "Can see the money dashboard")],
            },
        ),
    ]
