"""
The work, step by step: read, ask the core, write. One room per part of the path, and what all of them share beside them.

| room | what it does |
|---|---|
| intake | pull the sources, watch the CRMs |
| scoring | fold, match and score |
| deciding | qualify and route |
| planning | wish, guard and commit |
| sending | push and sweep; bulk jobs |
| pacing | slots and periods of calls |
| mending | audit and undo |
| telling | reports, explanations, status |
| upkeep | doctor, alerts, retention, activation |

A room knows only those that stand below it in the contract of `pyproject.toml`. Celery is not known here.
"""
