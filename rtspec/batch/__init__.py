"""Files through processors, one or thousands: what is to be done, the doing, and a record of what became of each.

`plan` tells which file becomes which, `rendering` renders one, `records` says how that went, `runner` has worker
processes do many, so that what ends a process ends one file and not the batch; `cluster` has
those of other machines. `sources` opens what can be rendered; `remote` and `staging` bring what lies at a URL.
"""
