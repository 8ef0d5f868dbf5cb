#!/bin/sh
# A campaign of a few seconds with fixed seeds; the worlds with a name; nodes of others; heartbeats by several paths; crashes, reloads and pauses at places of short stories; the same seed twice; and a kernel that lies, which the checks must notice.
# SIM_FAILOVERS sets the length.
sim=${SIM:-tests/sim/sim}
status=0

"$sim" --seed 1 --failovers "${SIM_FAILOVERS:-2500}" || status=1

"$sim" --named all --worlds 4 --quiet || status=1

"$sim" --seed 1 --worlds 8 --peers 3 --nodes 3 --time 20 --quiet || status=1

"$sim" --seed 1 --worlds 12 --paths 3 --time 20 --quiet || status=1

"$sim" --seed 1 --worlds 4 --sweep all --stride 41 --quiet || status=1

for seed in 3 17 29; do
	first=$("$sim" --seed $seed --trace-hash --quiet | sed -n 's/^hash \([0-9a-f]*\).*/\1/p')
	second=$("$sim" --seed $seed --trace-hash --quiet | sed -n 's/^hash \([0-9a-f]*\).*/\1/p')
	if [ -z "$first" ] || [ "$first" != "$second" ]; then
		echo "FAILED replay: seed $seed gives hash '$first', then '$second'"
		status=1
	fi
done

for action in address-add address-del address-renew listen route-add set-active enslave; do
	if "$sim" --seed 1 --worlds 12 --quiet --lie $action >/dev/null; then
		echo "FAILED lie: a kernel that only pretends '$action' goes unnoticed"
		status=1
	fi
done
exit $status
