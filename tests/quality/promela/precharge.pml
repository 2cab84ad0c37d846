/* A counter of four pages: each task precharges three, uses two, gives one back; who finds too little notes -1. */
int counter[2];
int reg[3];
byte violated;
byte finished;

inline spend(t, n) {
  d_step { if :: counter[0] >= n -> counter[0] = counter[0] - n :: else -> reg[t] = -1 fi }
}

proctype task(byte t) {
  spend(t, 3);
  d_step { counter[1] = counter[1] + 2 };
  d_step { counter[0] = counter[0] + 1 };
  d_step { finished++; if :: counter[1] != 2 -> violated = 1 :: else -> skip fi };
end: false
}

init {
  atomic { counter[0] = 4; run task(0); run task(1); run task(2) };
end: timeout;
  c_code {
    printf("END %d %d %d %d %d %d %d\n", now.counter[0], now.counter[1], now.reg[0], now.reg[1], now.reg[2],
           now.violated, now.finished);
  };
  assert(violated == 0);
end2: false
}
