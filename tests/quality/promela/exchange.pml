/* nr_charged_bytes: four tasks load, add, and exchange what they hold for what is parked in two cells. */
int counter[2];
int content[2];
int reg[4];
byte violated;
byte finished;

inline swap(t, c) {
  d_step { reg[t] = reg[t] + content[c]; content[c] = reg[t] - content[c]; reg[t] = reg[t] - content[c] }
}

inline load(t, c) {
  d_step { reg[t] = counter[c] }
}

inline store(t, c, n) {
  d_step { counter[c] = reg[t] + n }
}

proctype task(byte t) {
  load(t, 0);
  store(t, 0, 1);
  swap(t, 0);
  store(t, 1, 2);
  swap(t, 1);
  d_step { counter[0] = counter[0] + 1; finished++ };
end: false
}

init {
  atomic { run task(0); run task(1); run task(2); run task(3) };
end: timeout;
  c_code {
    printf("END %d %d %d %d %d %d %d %d %d\n", now.counter[0], now.counter[1], now.content[0], now.content[1],
           now.reg[0], now.reg[1], now.reg[2], now.reg[3], now.finished);
  };
  assert(violated == 0);
end2: false
}
