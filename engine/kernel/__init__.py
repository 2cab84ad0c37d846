"""What the kernel does in one atomic step: a file for each of its parts, named as the kernel names it.

Imports engine.core and engine.variant, never engine.checks or engine.case. A function `xx_name` is the step at label
XX_NAME; the end of a file lists its steps, engine.case.step lists the files, and engine.core.derived makes of both
what runs at a label (docs/adr/0033).
What other files start (`uncharge(st, t, m, nr_pages, ret)`) sets a subroutine's registers and jumps to its first label.

In the order of an allocation: charge_hook.py (the hook before it), precharge.py (how much it charges), percpu_alloc.py,
chunks.py, placement.py (the allocator), accumulate.py, post_hook.py, post_each_page.py (the hook after it),
free_hook.py; below them try_charge.py, page_counter.py, page_stock.py, obj_stock.py, objcg.py; beside them drain.py,
balance.py, memcg.py.
"""
