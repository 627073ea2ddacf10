"""What a file looks like by its first octets, whatever its sender says that it is."""

from __future__ import annotations

import re

_MARKS: tuple[tuple[bytes, str], ...] = (
    (b"%PDF-", "application/pdf"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"BM", "image/bmp"),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
    (b"PK\x03\x04", "application/zip"),
    (b"PK\x05\x06", "application/zip"),
    (b"Rar!\x1a\x07", "application/vnd.rar"),
    (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (b"\x1f\x8b", "application/gzip"),
    (b"BZh", "application/x-bzip2"),
    (b"\xfd7zXZ\0", "application/x-xz"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"),
    (b"{\\rtf", "application/rtf"),
    (b"MZ", "application/vnd.microsoft.portable-executable"),
    (b"\x7fELF", "application/x-executable"),
    (b"#!", "text/x-script"),
    (b"\x78\x9f\x3e\x22", "application/ms-tnef"),
    (b"ID3", "audio/mpeg"),
    (b"OggS", "audio/ogg"),
    (b"fLaC", "audio/flac"),
    (b"%!PS", "application/postscript"),
    (b"BEGIN:VCALENDAR", "text/calendar"),
    (b"BEGIN:VCARD", "text/vcard"),
    (b"-----BEGIN PGP", "application/pgp"),
    (b"\x4c\0\0\0\x01\x14\x02\0", "application/x-ms-shortcut"),
    (b"ITSF", "application/vnd.ms-htmlhelp"),
)
PROGRAMS = frozenset(
    {"application/vnd.microsoft.portable-executable", "application/x-executable"}
    | {"application/x-ms-shortcut"}
)
_INSIDE = {b"WEBP": "image/webp", b"WAVE": "audio/wav", b"AVI ": "video/x-msvideo"}
_BRANDS = {
    b"heic": "image/heic",
    b"heix": "image/heic",
    b"mif1": "image/heif",
    b"avif": "image/avif",
}
_OFFICE = {
    b"word/": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    b"xl/": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    b"ppt/": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
}
_OPEN_DOCUMENT = re.compile(rb"mimetype(application/[a-z0-9.+-]{1,80})")
_MARKUP = re.compile(rb"\s*+(?:<!doctype html|<html|<head|<script|<body)", re.IGNORECASE)
_SVG = re.compile(rb"\s*+(?:<\?xml[^>]{0,200}>\s*+)?(?:<!--[^>]{0,500}>\s*+)?<svg\b", re.IGNORECASE)


def sniff(start: bytes) -> str:
    """Name the type that a file looks like; "" if nothing is known of it."""
    for mark, kind in _MARKS:
        if start.startswith(mark):
            return _archive(start) if kind == "application/zip" else kind
    if start.startswith(b"RIFF"):
        return _INSIDE.get(start[8:12], "")
    if start[4:8] == b"ftyp":
        return _BRANDS.get(start[8:12], "video/mp4")
    if _MARKUP.match(start):
        return "text/html"
    return "image/svg+xml" if _SVG.match(start) else ""


def _archive(start: bytes) -> str:
    if (document := _OPEN_DOCUMENT.search(start[:200])) is not None:
        return document[1].decode("ascii")
    return next(
        (kind for mark, kind in _OFFICE.items() if mark in start[:1_500]), "application/zip"
    )
