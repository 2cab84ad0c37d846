/* Three tasks add to one counter by a load and a store: updates are lost. */
int counter[2];
int reg[3];
byte violated;
byte finished;

proctype task(byte t) {
  d_step { reg[t] = counter[0] };
  d_step { counter[0] = reg[t] + 1 };
  d_step { reg[t] = counter[0] };
  d_step { counter[0] = reg[t] + 1; finished++ };
end: false
}

init {
  atomic { run task(0); run task(1); run task(2) };
end: timeout;
  c_code { printf("END %d %d %d %d %d\n", now.counter[0], now.reg[0], now.reg[1], now.reg[2], now.finished); };
  assert(violated == 0);
end2: false
}
