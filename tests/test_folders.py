"""Folders: a tree that nothing falls out of."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from templates_app import folders, publishing
from templates_app.models import Folder, Message
from tests.factories import make_message

pytestmark = pytest.mark.django_db
LIST = "admin:templates_app_folder_changelist"


@pytest.fixture
def page() -> Client:
    """Return a browser in which an administrator is signed in."""
    client = Client()
    client.force_login(User.objects.create_superuser("author", password="x"))
    return client


def make(name: str, parent: Folder | None = None) -> Folder:
    """Make a folder."""
    return Folder.objects.create(name=name, parent=parent)


def test_the_tree_is_in_order_with_paths_and_counts() -> None:
    """A child follows its parent, whatever was made first."""
    shop = make("Shop")
    make("Bank")
    orders = make("Orders", shop)
    make_message(folder=orders)
    shown = [(row.path, row.depth, row.messages) for row in folders.tree()]
    assert shown == [("Bank", 0, 0), ("Shop", 0, 0), ("Shop / Orders", 1, 1)]


def test_a_folder_moves_with_all_it_holds() -> None:
    """What is filed in it stays there."""
    shop, archive = make("Shop"), make("Archive")
    orders = make("Orders", shop)
    message = make_message(folder=orders)
    folders.move(shop, archive)
    message.refresh_from_db()
    assert message.folder == orders
    assert folders.within(archive.pk) == {archive.pk, shop.pk, orders.pk}


def test_a_folder_cannot_lie_in_itself() -> None:
    """Nor in what lies in it: the branch would hang in the air."""
    shop = make("Shop")
    orders = make("Orders", shop)
    for parent in (shop, orders):
        with pytest.raises(folders.CannotMove, match="in itself"):
            folders.move(shop, parent)


def test_a_tree_is_not_endless() -> None:
    """Nobody finds anything nine folders deep."""
    parent: Folder | None = None
    for number in range(folders.MAX_DEPTH):
        parent = make(str(number), parent)
    with pytest.raises(folders.CannotMove, match="8 deep"):
        folders.move(make("One more"), parent)


def test_two_folders_of_one_name_lie_apart() -> None:
    """The name is what people choose by."""
    shop = make("Shop")
    make("Orders", shop)
    other = make("Orders")
    with pytest.raises(folders.CannotMove, match="already"):
        folders.move(other, shop)


def test_a_folder_that_holds_something_is_not_deleted() -> None:
    """And it is said what it holds."""
    shop = make("Shop")
    make("Orders", shop)
    make_message(folder=shop)
    with pytest.raises(folders.NotEmpty, match="1 folder and 1 message"):
        folders.delete(shop)


def test_the_pages_make_move_and_delete(page: Client) -> None:
    """By hand, from the empty state on."""
    assert b"No folder yet" in page.get(reverse(LIST)).content
    add = reverse("admin:templates_app_folder_add")
    page.post(add, {"name": "Shop", "parent": ""})
    shop = Folder.objects.get()
    page.post(add, {"name": "Orders", "parent": shop.pk})
    orders = Folder.objects.get(name="Orders")
    assert b"Shop / Orders" in page.get(reverse(LIST)).content
    change = reverse("admin:templates_app_folder_change", args=[orders.pk])
    page.post(change, {"name": "Bills", "parent": ""})
    orders.refresh_from_db()
    assert (orders.name, orders.parent) == ("Bills", None)
    delete = reverse("admin:templates_app_folder_delete", args=[orders.pk])
    page.post(delete)
    assert not Folder.objects.filter(name="Bills").exists()


def test_browse_looks_into_subfolders(page: Client) -> None:
    """Who asks for Shop means all of it."""
    shop = make("Shop")
    inside = make_message(folder=make("Orders", shop))
    outside = make_message()
    address = reverse("admin:templates_app_message_changelist")
    shown = page.get(address, {"folder": shop.pk}).content.decode()
    assert inside.label in shown
    assert outside.label not in shown


def test_messages_are_moved_from_the_list(page: Client) -> None:
    """Many at once, after the folder was asked for."""
    shop = make("Shop")
    chosen = [make_message().pk for _ in range(2)]
    address = reverse("admin:templates_app_message_changelist")
    picked = {"action": "move_to_folder", "_selected_action": chosen}
    assert b"Move 2 to a folder" in page.post(address, picked).content
    page.post(address, {**picked, "folder": shop.pk, "_move": "1"})
    filed = Message.objects.filter(folder=shop).values_list("pk", flat=True)
    assert set(filed) == set(chosen)


def test_a_deleted_message_keeps_no_folder() -> None:
    """Nobody sees it, so nobody could move it."""
    folder = Folder.objects.create(name="Old")
    message = make_message(folder=folder)
    publishing.delete(message)
    folders.delete(folder)
    assert not Folder.objects.exists()
