"""What the audit log calls acts, in the reader's language; files of it stay in English."""

from webapp.language.translations import lazy_gettext as _l

_ACTS: dict[str, str] = {
    "accepted": _l("accepted"), "adjusted": _l("adjusted"), "archived": _l("archived"), "asked": _l("requested"),
    "assigned": _l("assigned"), "brought back": _l("brought back"), "cancelled": _l("cancelled"),
    "changed": _l("changed"), "created": _l("created"), "created again": _l("created again"),
    "deactivated": _l("deactivated"), "duplicated": _l("duplicated"), "end of the pin asked": _l("unpinning requested"),
    "end of the pin refused": _l("unpinning refused"), "given back": _l("given back"), "link made": _l("link created"),
    "linked": _l("linked"), "made private": _l("made private"), "notices chosen": _l("notices changed"),
    "opened again": _l("reopened"), "overridden": _l("overridden"), "override removed": _l("override removed"),
    "overrides undone": _l("overrides undone"), "password changed": _l("password changed"),
    "password set": _l("password set"), "pin asked": _l("pin requested"), "pin refused": _l("pin refused"),
    "pinned": _l("pinned"), "promoted by hand": _l("promoted by hand"), "promotion asked": _l("promotion requested"),
    "promotion refused": _l("promotion refused"), "published": _l("published"), "reactivated": _l("reactivated"),
    "removed": _l("removed"), "replaced": _l("replaced"), "resolved": _l("resolved"), "retried": _l("retried"),
    "role changed": _l("role changed"), "roll back asked": _l("roll back requested"),
    "roll back refused": _l("roll back refused"), "rolled back": _l("rolled back"), "saved": _l("saved"),
    "session ended": _l("session ended"), "setting changed": _l("setting changed"), "shared": _l("shared"),
    "sign-in refused": _l("sign-in refused"), "signed in": _l("signed in"), "signed out": _l("signed out"),
    "signed out everywhere": _l("signed out everywhere"), "single sign-on joined": _l("single sign-on linked"),
    "rule set": _l("rule set"), "rule removed": _l("rule removed"), "target set": _l("target set"),
    "target removed": _l("target removed"), "single sign-on taken off": _l("single sign-on removed"),
    "snoozed": _l("snoozed"), "taken": _l("taken"),
    "token made": _l("token created"), "token refused": _l("token refused"), "token revoked": _l("token revoked"),
    "unpinned": _l("unpinned"), "uploaded": _l("uploaded"), "webhook made": _l("webhook created"),
    "webhook removed": _l("webhook removed"),
}


def act_words(act: str) -> str:
    """The act as it is recorded, in the reader's language; one that is not known stays as it is."""
    return str(_ACTS.get(act, act))
