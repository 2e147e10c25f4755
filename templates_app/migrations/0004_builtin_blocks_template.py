"""A built-in email made of blocks: an order confirmation with a list of products."""

from django.db import migrations
from django.utils import timezone

NAME = "order-confirmation-blocks"

DOCUMENT = {
    "version": 1,
    "settings": {"language": "en"},
    "blocks": [
        {
            "id": "heading",
            "kind": "heading",
            "text": "Thank you for your order",
            "level": 1,
        },
        {
            "id": "intro",
            "kind": "text",
            "text": (
                '<p>Hello {{ recipient.name | default: "there" }},</p>\n'
                "<p>we have your order <b>{{ ctx.order.number }}</b> and are getting "
                "it ready. We will write again as soon as it is on its way.</p>"
            ),
        },
        {"id": "gap", "kind": "spacer", "height": 8},
        {
            "id": "items-heading",
            "kind": "heading",
            "text": "What you ordered",
            "level": 3,
        },
        {
            "id": "items",
            "kind": "products",
            "path": "ctx.items",
            "as": "item",
            "first": 1,
            "max": 20,
            "layout": "row",
            "image": "{{ item.image }}",
            "title": "{{ item.name }}",
            "description": "{{ item.description }}",
            "price": "{{ item.price | money: ctx.currency }}",
            "link": "{{ item.url }}",
            "empty": "You find your items behind the button below.",
        },
        {
            "id": "shipping",
            "kind": "text",
            "text": "Shipping: {{ ctx.shipping | money: ctx.currency }}",
            "align": "right",
            "show_if": {"path": "ctx.shipping", "op": "exists", "value": ""},
        },
        {
            "id": "total",
            "kind": "heading",
            "text": "Total: {{ ctx.total | money: ctx.currency }}",
            "level": 2,
            "align": "right",
        },
        {
            "id": "button",
            "kind": "button",
            "text": "View your order",
            "link": "{{ ctx.order.url }}",
            "align": "left",
        },
        {"id": "line", "kind": "divider"},
        {
            "id": "help",
            "kind": "text",
            "text": (
                "Something is not right? Answer this message within a day, and we "
                "will change it."
            ),
        },
        {
            "id": "footer",
            "kind": "footer",
            "text": (
                "Your company, 1 Your Street, Your City<br>\n"
                "You get this message because you placed an order with us."
            ),
        },
    ],
}

SAMPLE = {
    "order": {"number": "A-1042", "url": "https://shop.example/orders/A-1042"},
    "currency": "EUR",
    "items": [
        {
            "name": "Stoneware mug",
            "description": "Speckled white, 2 pieces",
            "price": "37.00",
            "url": "https://shop.example/products/mug",
            "image": None,
        },
        {
            "name": "Lambswool throw",
            "description": "Moss green, 130 × 180 cm",
            "price": "119.00",
            "url": "https://shop.example/products/throw",
            "image": None,
        },
    ],
    "shipping": "4.90",
    "total": "160.90",
}


def create(apps, schema_editor):
    """Add the template if it is not there yet."""
    template = apps.get_model("templates_app", "Template")
    template.objects.get_or_create(
        internal_name=NAME,
        defaults={
            "channel": "email",
            "label": "Order confirmation",
            "description": "Made of blocks: products in rows, a total and a button.",
            "context_sample": SAMPLE,
            "content": {
                "en": {
                    "subject": "Your order {{ ctx.order.number }} is confirmed",
                    "preheader": "{{ ctx.total | money: ctx.currency }} in total. "
                    "We are getting it ready.",
                    "source_kind": "blocks",
                    "blocks": DOCUMENT,
                }
            },
            "is_builtin": True,
            "modified_at": timezone.now(),
        },
    )


def remove(apps, schema_editor):
    """Take it away again; messages made from it stay."""
    template = apps.get_model("templates_app", "Template")
    template.objects.filter(internal_name=NAME, is_builtin=True).delete()


class Migration(migrations.Migration):
    dependencies = [("templates_app", "0003_authoring")]

    operations = [migrations.RunPython(create, remove)]
