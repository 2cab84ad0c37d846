/*
 * The small model that the step engine is measured against: tasks on CPUs with a stock of pages each, a counter with a
 * limit, a precharge and its refund, and after each step the check that no page is lost. core.py is the same in Python.
 */
#include <stdint.h>

enum { TASKS = 4, CPUS = 2, BATCH = 8, STOCK_MOST = 16, LIMIT = 48 };

static uint64_t next_word(uint64_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return *x;
}

/* Runs `steps` steps from a seed other than 0; a hash of every state passed, 0 if a page was lost. */
uint64_t run_core(uint64_t seed, int64_t steps)
{
	int64_t at[TASKS] = {0}, want[TASKS] = {0}, held[TASKS] = {0}, stock[CPUS] = {0}, usage = 0;
	uint64_t x = seed, hash = 0;

	for (int64_t n = 0; n < steps; n++) {
		int t = next_word(&x) % TASKS, c = t % CPUS;

		switch (at[t]) {
		case 0: /* how much */
			want[t] = 1 + next_word(&x) % 5;
			at[t] = 1;
			break;
		case 1: /* from the stock */
			if (stock[c] >= want[t]) {
				stock[c] -= want[t];
				held[t] += want[t];
				at[t] = 3;
			} else {
				at[t] = 2;
			}
			break;
		case 2: /* from the counter, or all stocks are drained */
			if (usage + want[t] + BATCH <= LIMIT) {
				usage += want[t] + BATCH;
				stock[c] += BATCH;
				held[t] += want[t];
				at[t] = 3;
			} else {
				for (int i = 0; i < CPUS; i++) {
					usage -= stock[i];
					stock[i] = 0;
				}
				at[t] = usage + want[t] + BATCH <= LIMIT ? 2 : 4;
			}
			break;
		case 3: { /* what was not used goes back */
			int64_t back = next_word(&x) % (want[t] + 1);

			held[t] -= back;
			stock[c] += back;
			at[t] = next_word(&x) % 2 ? 4 : 0;
			break;
		}
		case 4: /* free */
			stock[c] += held[t];
			held[t] = 0;
			if (stock[c] > STOCK_MOST) {
				usage -= stock[c];
				stock[c] = 0;
			}
			at[t] = 0;
			break;
		}
		int64_t found = 0;
		for (int i = 0; i < CPUS; i++)
			found += stock[i];
		for (int i = 0; i < TASKS; i++)
			found += held[i];
		if (found != usage || usage < 0 || usage > LIMIT)
			return 0;
		hash = hash * 1099511628211u + (uint64_t)(usage * 8 + at[t]);
	}
	return hash;
}
