"""Files that no library here writes: OpenDocument spreadsheets, by hand; and one sheet of Excel 97."""

import base64
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

_NAMES = " ".join(f'xmlns:{short}="urn:oasis:names:tc:opendocument:xmlns:{short}:1.0"'
                  for short in ("office", "table", "text", "style"))
_HIDDEN = ('<style:style style:name="hidden" style:family="table"><style:table-properties table:display="false"/>'
           "</style:style>")
_REST = ('<table:table-row table:number-rows-repeated="1048000">'
         '<table:table-cell table:number-columns-repeated="1024"/></table:table-row>')
"""The rows below the last, as office programs write them."""
_KIND = "application/vnd.oasis.opendocument.spreadsheet"
_MANIFEST = ('<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0">'
             f'<manifest:file-entry manifest:full-path="/" manifest:media-type="{_KIND}"/></manifest:manifest>')
SALES_OF_EXCEL_97 = (
    "c-rk)O=uHA6#izj+x*b{nhLEFLcyxFl!}60+EuCclu{MZilC`kB(zB+=AwdDYmS28N%2ys2QT&K;14P&UOWgDJqUu3=+Tp);Gxa>=Iy4YQK11X"
    "MD|<e&3kX=y?MJc^JaHn&xK3VcRR|c!vI{Um|nEh=mZsSRS1FFO;fVf+C#;3&{XhxXd+uQJodkG%Q=+uU50`?>T{yNM=D2f62rNy5nn;<;uw-b"
    "#?Vhx;09>|Xy>RROph~N#q>7!e8O}GYc4bGr@kd|7<2k?_jY>~A5uEGEdc5F0o%N1&1SUWrCi15uL!HJhMoCza-zu^Vrna9KodG-WR1L(gSZJF"
    "FgVzoNc4^pN{G^A&)}OG2fkK!^|QF6Us=5X>Ax@4yZ@l~&?MIDuPQ1q3G*0lk|O+AtI8G)`;!yKsd;Rb>wxz)=~KyqL2TYQk<MjFP8W;}$tfd~"
    "%%)txfr$*!zP@cfnd><>gqGw6Kku1VqA3KK5A)6mQE>COzPw3{jp#>NGs)+Hb!x1WLBhlZX+g#TZgDY{E!}LfiRnf5x`z1<rct^Xs=G$oY-Z0C"
    "_qoKaT{O-X##?=T4Znf-;^(~&W5rMUM&f6O%4edp@APSO(kYfAdwETvNA!s6*CZb4)mqpY<^$9AU$Tuy3E8om_R$!`g4|z(FjGsCPe&|Div6rC"
    "$wiXO_9g0kol|_Qi{Rc1h5HNkrP|hleQ6|FJ*BU+n&nIRjV~)_-nV@zi@u)neM(<3jy%F~4Jg!CnouVF2_GCdaNxj!0|yQqG(QBtms;=QDt|Uu"
    "@A+=~zs>@ciu0S~zr{Y}=qk`h<!)rD&f|1L>t{7IQS~L3X;b}QC~=TR&tn{89LIRW>zBS?MD6`7+c5O^wos$vR~m`)ACLb7w*1`I")
"""date, region, item and demand: 2024-01-01, Ulm, 007, 3.5 and 2024-01-02, Ulm, 7, 4."""


def write_ods(path: Path, sheets: Mapping[str, Sequence[Sequence[Any]]], hidden: Sequence[str] = ()) -> Path:
    """An OpenDocument spreadsheet with these rows on its sheets."""
    body = ""
    for name, rows in sheets.items():
        style = ' table:style-name="hidden"' if name in hidden else ""
        cells = "".join(f"<table:table-row>{''.join(map(_cell, row))}</table:table-row>" for row in rows)
        body += f'<table:table table:name="{escape(name)}"{style}>{cells}{_REST}</table:table>'
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("mimetype", _KIND, zipfile.ZIP_STORED)
        packed.writestr("META-INF/manifest.xml", _MANIFEST)
        packed.writestr("content.xml", (
            f'<?xml version="1.0" encoding="UTF-8"?><office:document-content {_NAMES} office:version="1.2">'
            f"<office:automatic-styles>{_HIDDEN}</office:automatic-styles><office:body><office:spreadsheet>{body}"
            "</office:spreadsheet></office:body></office:document-content>"))
    return path


def write_excel_97(path: Path) -> Path:
    """The workbook of ``SALES_OF_EXCEL_97``."""
    path.write_bytes(zlib.decompress(base64.b85decode(SALES_OF_EXCEL_97)))
    return path


def _cell(value: Any) -> str:
    if value is None:
        return "<table:table-cell/>"
    if isinstance(value, date):
        kind, shown = f'"date" office:date-value="{value.isoformat()}"', f"{value:%d.%m.%y}"
    elif isinstance(value, int | float):
        kind, shown = f'"float" office:value="{value}"', f"{value:.0f}"
    else:
        kind, shown = '"string"', escape(str(value))
    return f"<table:table-cell office:value-type={kind}><text:p>{shown}</text:p></table:table-cell>"
