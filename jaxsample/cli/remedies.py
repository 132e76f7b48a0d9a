"""Errors of files in one line: the file, the reason and the remedy."""

from __future__ import annotations

import errno

UNWRITTEN = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}
REMEDIES = {
    errno.ENOSPC: "free some space, or choose another place",
    errno.EDQUOT: "free some space, or choose another place",
    errno.EACCES: "check its permissions, or choose another place",
    errno.EPERM: "check its permissions, or choose another place",
    errno.EROFS: "choose a place that can be written to",
    errno.ENOENT: "check the path",
    errno.ENOTDIR: "a part of this path is a file",
    errno.EEXIST: "choose another name",
    errno.EISDIR: "give a file",
}


def explained(error: OSError) -> str:
    """Return the file, the reason and the remedy of an error."""
    remedy = REMEDIES.get(error.errno or 0)
    parts = [error.filename, error.strerror or str(error)]
    return ": ".join(str(part) for part in parts if part) + (f"; {remedy}" if remedy else "")
