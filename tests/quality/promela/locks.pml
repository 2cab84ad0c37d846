/* Two locks: two tasks take them in one order, the third in the other. */
int counter[2];
byte owner[2];
byte violated;
byte finished;

inline take(t, c) {
  d_step { owner[c] == 0; owner[c] = t + 1 }
}

inline give(t, c) {
  d_step { if :: owner[c] == t + 1 -> owner[c] = 0 :: else -> skip fi }
}

proctype forth(byte t) {
  take(t, 0);
  take(t, 1);
  d_step { counter[0] = counter[0] + 1 };
  give(t, 1);
  give(t, 0);
  d_step { finished++ };
end: false
}

proctype back(byte t) {
  take(t, 1);
  take(t, 0);
  d_step { counter[0] = counter[0] + 1 };
  give(t, 0);
  give(t, 1);
  d_step { finished++ };
end: false
}

init {
  atomic { run forth(0); run forth(1); run back(2) };
end: timeout;
  c_code { printf("END %d %d %d %d\n", now.counter[0], now.owner[0], now.owner[1], now.finished); };
  assert(violated == 0);
end2: false
}
