"""`nodeops consortium diff`: what a revision changes, before anybody is asked to agree to it."""

from nodeops.console import JsonFlag, emit
from nodeops.consortium.kept import previous
from nodeops.consortium.options import FromOption, InventoryOption
from nodeops.consortium.outlook import diff_result
from nodeops.consortium.rules import judged
from nodeops.document.check import checked_consortium
from nodeops.document.inventory import inventory_folder
from nodeops.document.load import load_consortium
from nodeops.document.profile import load_profile


def diff(inventory: InventoryOption = None, since: FromOption = None, as_json: JsonFlag = False) -> None:
    """Show what a revision of consortium.yml changes on the chain and on hosts. Exits with 1 when it may not be proposed."""
    folder = inventory_folder(inventory)
    new, _ = checked_consortium(folder)
    old = load_consortium(since) if since else previous(folder, new)
    profile = load_profile(new.ledger.platform)
    emit(diff_result(old, new, profile, judged(old, new, profile)), as_json)
