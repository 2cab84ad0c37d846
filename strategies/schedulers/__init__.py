"""Who steps next. May import draw (for its generator) and engine.

record.py has what a scheduler keeps between two choices, choose.py the one place where schedulers are called: begin()
before a case, choose() before a step, took() after it; kept_ready.py whom they choose from. Each way of choosing is a
file that cites its paper:
random_walk (the one to beat), pct, pos, urw, bounded (delays and preemptions), follow (a recorded schedule).
All of it is compiled. What each promises: docs/schedulers.md. A user's own scheduler: plan/user_scheduler.py.
"""
