"""Pictures out of a request's body, kept in memory only: one raw picture, or a form with several."""

import asyncio
from typing import Final, NamedTuple

from fastapi import HTTPException, Request
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect

MAX_UPLOAD_BYTES: Final = 32 * 1024 * 1024
"""Of a whole body, all pictures together."""
MAX_PICTURES: Final = 16
UPLOAD_SECONDS: Final = 30.0
MAX_NAME: Final = 200


class Upload(NamedTuple):
    """One picture as it was sent."""

    name: str
    """The file's name in the form, or its number; for messages only, never a path."""
    data: bytes


class _MemoryParser(MultiPartParser):
    """Keeps every part in memory: what is sent here must not touch a disk."""

    spool_max_size = MAX_UPLOAD_BYTES


async def read_uploads(request: Request) -> list[Upload]:
    """Return the pictures of a request.

    Raises:
        HTTPException: 400 no form or no picture in it, 408 too slow, 413 too many.
    """
    try:
        async with asyncio.timeout(UPLOAD_SECONDS):
            if request.headers.get("content-type", "").startswith("multipart/form-data"):
                uploads = await _read_form(request)
            else:
                uploads = [Upload("the picture", await request.body())]
    except TimeoutError:
        raise HTTPException(408, f"the upload took more than {UPLOAD_SECONDS:.0f} s") from None
    except ClientDisconnect:
        raise HTTPException(400, "the upload broke off") from None
    return uploads


async def _read_form(request: Request) -> list[Upload]:
    parser = _MemoryParser(request.headers, request.stream(), max_files=MAX_PICTURES + 1, max_fields=0)
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise HTTPException(400, f"the form can't be read: {error.message}") from None
    try:
        return await _read_files([part for _, part in form.multi_items() if isinstance(part, UploadFile)])
    finally:
        await form.close()


async def _read_files(files: list[UploadFile]) -> list[Upload]:
    if not files:
        raise HTTPException(400, "the form has no file: send each picture as a part with a file name")
    if len(files) > MAX_PICTURES:
        raise HTTPException(413, f"at most {MAX_PICTURES} pictures at once")
    return [
        Upload(_shown(file.filename, number), await file.read()) for number, file in enumerate(files, start=1)
    ]


def _shown(name: str | None, number: int) -> str:
    printable = "".join(letter for letter in name or "" if letter.isprintable())
    return printable[:MAX_NAME] or f"picture {number}"
