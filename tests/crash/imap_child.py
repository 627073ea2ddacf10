"""A door that may die anywhere: `python -m tests.crash.imap_child FOLDER`.

Visits the folder of the config twice, with the mails between called journalled, as the work does
that is another process: so the second visit tells the server. POSTROOM_FAILPOINT says where to die.
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import structlog

from postroom import failpoints
from postroom.config import load_config
from postroom.intake.imap import FolderLife, setups_of
from postroom.spool import Spool


def main(folder: Path) -> None:
    config = load_config(folder / "config.toml")
    with Spool(config.data, config.node) as spool:
        [setup] = setups_of(config, config.imap[0])
        life = FolderLife(setup, config, spool)
        failpoints.arm_from_environment()
        life.visit()
        keep = folder / "journal"
        with keep.open("a", encoding="ascii") as journal:
            for entry in spool.list():
                journal.write(f"{entry.envelope.source}\n")
        spool.finish([entry.id for entry in spool.list()]).result(20)
        life.visit()
        life.stop()
        life.close()


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    main(Path(sys.argv[1]))
