%% The programs of tests/bench/supervision.rs, for the BEAM. Prints a row's cell a line.
%% erlc supervision_bench.erl && erl +S 1 -noshell -run supervision_bench main CRASHES ROUNDS RESTARTS
-module(supervision_bench).
-behaviour(supervisor).
-export([main/1, init/1, start_child/1]).

main(Arguments) ->
    [Crashes, Rounds, Restarts] = [list_to_integer(A) || A <- Arguments],
    logger:set_primary_config(level, none),
    process_flag(trap_exit, true),
    [crashes(Crashes, N) || N <- [1, 1000, 10000]],
    groups(Rounds, one_for_all, 1),
    groups(Rounds, one_for_one, 1000),
    intensity(Restarts),
    halt(0).

init([Driver, Strategy, N]) ->
    Flags = #{strategy => Strategy, intensity => 1000000000, period => 100000},
    {ok, {Flags, [#{id => Id, start => {?MODULE, start_child, [Driver]}} || Id <- lists:seq(1, N)]}}.

start_child(Driver) ->
    {ok, proc_lib:spawn_link(fun() -> Driver ! {up, self()}, serve() end)}.

serve() ->
    receive
        {call, From, Ref} -> From ! {Ref, ok}, serve()
    end.

started(N) -> [receive {up, Pid} -> Pid end || _ <- lists:seq(1, N)].

with_tree(Strategy, N, Fun) ->
    {ok, Sup} = supervisor:start_link(?MODULE, [self(), Strategy, N]),
    Result = Fun(started(N)),
    unlink(Sup),
    exit(Sup, kill),
    Ref = erlang:monitor(process, Sup),
    receive {'DOWN', Ref, _, _, _} -> ok end,
    Result.

crash(Pid) ->
    Start = erlang:monotonic_time(nanosecond),
    exit(Pid, kill),
    [New] = started(1),
    Ref = make_ref(),
    New ! {call, self(), Ref},
    receive {Ref, ok} -> ok end,
    {New, erlang:monotonic_time(nanosecond) - Start}.

crash_often(_, 0, Times) -> lists:reverse(Times);
crash_often(Pid, N, Times) ->
    {New, Time} = crash(Pid),
    crash_often(New, N - 1, [Time | Times]).

percentile(Times, Percent) ->
    Sorted = lists:sort(Times),
    lists:nth(length(Sorted) * Percent div 100 + 1, Sorted).

crashes(Crashes, N) ->
    Times = with_tree(one_for_one, N, fun(Pids) -> crash_often(lists:nth(N div 2 + 1, Pids), Crashes, []) end),
    io:format("~.1f / ~.1f us~n", [percentile(Times, 50) / 1000, percentile(Times, 99) / 1000]).

groups(Rounds, Strategy, Killed) ->
    Times = with_tree(Strategy, 1000, fun(Pids) -> group(Pids, Killed, Rounds, []) end),
    io:format("~.1f ms~n", [percentile(Times, 50) / 1000000]).

group(_, _, 0, Times) -> Times;
group(Pids, Killed, Rounds, Times) ->
    Start = erlang:monotonic_time(nanosecond),
    [exit(Pid, kill) || Pid <- lists:sublist(Pids, Killed)],
    New = started(1000),
    group(New, Killed, Rounds - 1, [erlang:monotonic_time(nanosecond) - Start | Times]).

intensity(Restarts) ->
    Times = with_tree(one_for_one, 1, fun([Pid]) -> crash_often(Pid, Restarts, []) end),
    {First, _} = lists:split(1000, Times),
    Last = lists:nthtail(Restarts - 1000, Times),
    io:format("~.1f / ~.1f us~n", [percentile(First, 50) / 1000, percentile(Last, 50) / 1000]).
