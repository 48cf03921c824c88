"""
The lake: what was pulled, as immutable Parquet files under one folder per workspace.

    files      where files stand, how one is written so that it is whole or absent, what is rubbish
    events     landing of events: arrival, clamping, the too old, duplicates, links between visitors and users
    versions   landing of users and accounts: a row lands only when something declared about it changed
    rollups    which days are folded, which must be folded again, which files a reader takes

The lake knows neither the store nor the engine: it is told which files are listed and returns what must be listed next.
"""

from worker.lake.arrival import Arrival as Arrival
from worker.lake.arrival import Brought as Brought
from worker.lake.files import Lake as Lake
from worker.lake.files import LakeDamaged as LakeDamaged
from worker.lake.files import LakeFile as LakeFile
from worker.lake.files import LakeRefused as LakeRefused
from worker.lake.landing import land as land
