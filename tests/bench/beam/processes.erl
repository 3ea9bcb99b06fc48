%% The programs of tests/guests/bench, for the BEAM. Prints "PROGRAM\tMICROSECONDS" for all of the count.
%% erlc processes.erl && erl +S 1 -noshell -run processes main ROUNDS "PROGRAM=COUNT" ...
-module(processes).
-behaviour(gen_server).
-export([main/1, init/1, handle_call/3, handle_cast/2]).

main([Rounds | Programs]) ->
    [begin
         [Name, Count] = string:split(P, "="),
         Times = [timed(Name, list_to_integer(Count)) || _ <- lists:seq(1, list_to_integer(Rounds))],
         io:format("~s\t~p~n", [Name, lists:nth((length(Times) + 1) div 2, lists:sort(Times))])
     end || P <- Programs],
    halt(0).

%% In a fresh process, so that no program leaves another a large heap.
timed(Name, Count) ->
    Self = self(),
    spawn(fun() -> Self ! {time, program(Name, Count)} end),
    receive {time, Nanoseconds} -> Nanoseconds / 1000 end.

measure(Fun) ->
    Start = erlang:monotonic_time(nanosecond),
    Fun(),
    erlang:monotonic_time(nanosecond) - Start.

repeat(0, _) -> ok;
repeat(N, Fun) -> Fun(), repeat(N - 1, Fun).

program("spawn", N) ->
    Self = self(),
    measure(fun() -> repeat(N, fun() ->
        {_, Ref} = spawn_monitor(fun() -> Self ! hello end),
        receive hello -> ok end,
        receive {'DOWN', Ref, _, _, _} -> ok end
    end) end);
program("host call", N) -> measure(fun() -> repeat(N, fun() -> self() end) end);
program("send 64 B", N) -> round_trips(N, 64);
program("send 64 KiB", N) -> round_trips(N, 64 bsl 10);
program("send 1 MiB", N) -> round_trips(N, 1 bsl 20);
program("call", N) ->
    {ok, Server} = gen_server:start(?MODULE, [], []),
    Time = measure(fun() -> repeat(N, fun() -> gen_server:call(Server, 1) end) end),
    exit(Server, kill),
    Time;
program("ring", N) ->
    Members = lists:foldl(fun(_, [Next | _] = Ms) -> [spawn(fun() -> pass(Next) end) | Ms] end, [self()],
                          lists:seq(1, 1000)),
    Time = measure(fun() -> repeat(N div 1000, fun() -> hd(Members) ! lap, receive lap -> ok end end) end),
    [exit(M, kill) || M <- Members, M =/= self()],
    Time;
program("fan-in", N) ->
    Self = self(),
    Payload = binary:copy(<<"x">>, 64),
    measure(fun() ->
        [spawn(fun() -> repeat(N div 2, fun() -> Self ! {message, Payload} end) end) || _ <- [1, 2]],
        repeat(N div 2 * 2, fun() -> receive {message, _} -> ok end end)
    end);
program("chain", N) ->
    Self = self(),
    First = spawn(fun() -> chain(N - 1, Self) end),
    Last = receive {last, Pid} -> Pid end,
    Ref = monitor(process, Last),
    measure(fun() -> exit(First, collapse), receive {'DOWN', Ref, _, _, _} -> ok end end);
program("pool", N) ->
    Self = self(),
    Workers = [spawn_link(fun() -> worker(Self) end) || _ <- lists:seq(1, 8)],
    Time = measure(fun() -> [W ! 1 || W <- Workers], jobs(N, N - 8) end),
    [begin unlink(W), exit(W, kill) end || W <- Workers],
    Time;
program("pipeline", N) ->
    Producer = spawn_link(fun() -> producer(0) end),
    Mapper = spawn_link(fun() -> mapper(Producer, none) end),
    Time = measure(fun() ->
        Mapper ! {ask, 50, self()},
        Mapper ! {ask, 50, self()},
        consume(N, Mapper, 0)
    end),
    [begin unlink(P), exit(P, kill) end || P <- [Mapper, Producer]],
    Time;
program("timer", N) ->
    measure(fun() -> repeat(N, fun() -> erlang:cancel_timer(erlang:start_timer(60000, self(), x)) end) end);
program("expire", N) ->
    measure(fun() ->
        repeat(N, fun() -> erlang:start_timer(0, self(), x) end),
        repeat(N, fun() -> receive {timeout, _, x} -> ok end end)
    end).

%% Binaries: those of more than 64 bytes are shared, not copied.
round_trips(N, Size) ->
    Peer = spawn_link(fun echo/0),
    Payload = binary:copy(<<"x">>, Size),
    Self = self(),
    Time = measure(fun() -> repeat(N, fun() -> Peer ! {Self, Payload}, receive _ -> ok end end) end),
    unlink(Peer),
    exit(Peer, kill),
    Time.

echo() -> receive {From, Payload} -> From ! Payload, echo() end.

pass(Next) -> receive M -> Next ! M, pass(Next) end.

chain(0, Last) -> Last ! {last, self()}, receive never -> ok end;
chain(N, Last) -> spawn_link(fun() -> chain(N - 1, Last) end), receive never -> ok end.

init([]) -> {ok, 0}.
handle_call(By, _From, N) -> {reply, N + By, N + By}.
handle_cast(_, N) -> {noreply, N}.

worker(Parent) ->
    receive Job -> Parent ! {self(), shuffle(Job, 100)} end,
    worker(Parent).

shuffle(Job, 0) -> Job;
shuffle(Job, N) ->
    A = (Job bxor (Job bsl 13)) band 16#ffffffffffffffff,
    B = A bxor (A bsr 7),
    shuffle((B bxor (B bsl 17)) band 16#ffffffffffffffff, N - 1).

jobs(0, _) -> ok;
jobs(Left, ToGive) ->
    receive {Worker, _} -> ok end,
    case ToGive > 0 of
        true -> Worker ! ToGive;
        false -> ok
    end,
    jobs(Left - 1, ToGive - 1).

producer(Next) ->
    receive {ask, N, From} -> From ! {events, lists:seq(Next, Next + N - 1)}, producer(Next + N) end.

mapper(Producer, Consumer) ->
    receive
        {ask, N, From} -> Producer ! {ask, N, self()}, mapper(Producer, From);
        {events, Events} -> Consumer ! {events, [E * 2 + 1 || E <- Events]}, mapper(Producer, Consumer)
    end.

consume(Left, _, Sum) when Left =< 0 -> Sum;
consume(Left, Mapper, Sum) ->
    receive {events, Events} -> ok end,
    Mapper ! {ask, 50, self()},
    consume(Left - length(Events), Mapper, lists:sum(Events) + Sum).
