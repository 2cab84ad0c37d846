/* A stock behind a trylock: each task tries, charges the counter whatever came of it, and lets go. */
int counter[2];
int reg[3];
byte owner[2];
byte violated;
byte finished;

inline attempt(t, c) {
  d_step { if :: owner[c] == 0 -> owner[c] = t + 1; reg[t] = 1 :: else -> reg[t] = 0 fi }
}

inline give(t, c) {
  d_step { if :: owner[c] == t + 1 -> owner[c] = 0 :: else -> skip fi }
}

proctype task(byte t) {
  attempt(t, 0);
  d_step { counter[0] = reg[t] + 1 };
  give(t, 0);
  attempt(t, 1);
  d_step { finished++ };
end: false
}

init {
  atomic { run task(0); run task(1); run task(2) };
end: timeout;
  c_code {
    printf("END %d %d %d %d %d %d %d\n", now.counter[0], now.reg[0], now.reg[1], now.reg[2], now.owner[0],
           now.owner[1], now.finished);
  };
  assert(violated == 0);
end2: false
}
