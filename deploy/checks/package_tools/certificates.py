"""Certificates that a machine trusts: those that settings and variables name, and its own store."""

import re
from collections.abc import Iterable
from pathlib import Path

from deploy.checks.package_tools.build_settings import BuildSettings, Setting
from deploy.checks.package_tools.machine import Machine

BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE",
                         "NODE_EXTRA_CA_CERTS")
CERTIFICATE = re.compile(r"-----BEGIN (?:X509 )?CERTIFICATE-----.+?-----END (?:X509 )?CERTIFICATE-----", re.DOTALL)


def add_other_certificates(machine: Machine, build: BuildSettings, certificates: list[str]) -> None:
    """Of variables that several tools read, and of the machine's own store, where a company's may have been added."""
    for variable in VARIABLES:
        value = machine.environment.get(variable, "")
        for one in value.split(":") if variable == "SSL_CERT_DIR" else [value]:
            if one:
                add_certificates(Setting("certificates", variable, one, "environment"), machine.folder / one, build,
                                  certificates)
    store = machine.root / BUNDLE.lstrip("/")
    if store.is_file():
        certificates += CERTIFICATE.findall(store.read_text(errors="replace"))


def add_certificates(setting: Setting, path: Path | None, build: BuildSettings, certificates: list[str]) -> None:
    """Add those of a file, or of all files in a folder."""
    if path is None or not path.exists():
        build.leave(setting, "no such file or folder is there")
        return
    files: Iterable[Path] = sorted(path.iterdir()) if path.is_dir() else [path]
    try:
        text = "\n".join(each.read_text(errors="replace") for each in files if each.is_file())
    except OSError as error:
        build.leave(setting, f"it cannot be read ({error.strerror})")
        return
    add_text(setting, text, build, certificates)


def add_text(setting: Setting, text: str, build: BuildSettings, certificates: list[str]) -> None:
    """Add those of a text."""
    found = CERTIFICATE.findall(text)
    shown = Setting(setting.tool, setting.name, setting.value if "\n" not in setting.value and len(setting.value) < 500
                    else "…", setting.source)
    if found:
        certificates += found
        build.carry(shown)
    else:
        build.leave(shown, "no certificate is in it")
