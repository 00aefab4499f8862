using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using Azure.Core;
using Azure.Core.Pipeline;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Testing;

/// <summary>Passes calls on to storage, all but one, which meets a fault.</summary>
/// <param name="atCall">From 1 on.</param>
public sealed class FaultyTransport(Fault fault, int atCall) : HttpPipelineTransport, IDisposable
{
    private const string Nothing = "nothing";

    /// <summary>Writes that full storage refuses before it has room again: more than a handler makes, retries included.</summary>
    private const int Refusals = 12;

    private static readonly HttpClientTransport s_storage = new();
    private static readonly TimeSpan s_jump = TimeSpan.FromHours(1);

    private readonly TaskCompletionSource _stalled = new(TaskCreationOptions.RunContinuationsAsynchronously), _awoken =
        new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenSource _stopping = new();
    private int _calls, _refusals;
    private volatile bool _isDead;

    /// <summary>Calls made so far.</summary>
    public int Calls => _calls;

    /// <summary>The methods and paths of the calls, in their order.</summary>
    public ConcurrentQueue<string> Log { get; } = new();

    /// <summary>Whether the process that uses it has been killed.</summary>
    public bool IsDead => _isDead;

    /// <summary>Ends when the process stands still.</summary>
    public Task Stalled => _stalled.Task;

    /// <summary>Whether the process stands still: its calls wait.</summary>
    public bool IsStalled => _stalled.Task.IsCompleted && !_awoken.Task.IsCompleted;

    /// <summary>Cancelled when the process is told to stop.</summary>
    public CancellationToken Stopping => _stopping.Token;

    /// <summary>Whether another process has to take over.</summary>
    public bool IsGone => IsDead || IsStalled || _stopping.IsCancellationRequested;

    /// <summary>Whether the fault has happened.</summary>
    public bool IsHit => Hit != Nothing;

    /// <summary>The clock of the process's machine; null where its account is none of <see cref="Account"/>'s.</summary>
    public MachineClock? Clock { get; set; }

    /// <summary>What the call with the fault was, for messages.</summary>
    public string Hit { get; private set; } = Nothing;

    /// <summary>Lets a process that stands still go on, with the call at which it stood.</summary>
    public void Wake() => _awoken.TrySetResult();

    public void Dispose() => _stopping.Dispose();

    /// <summary>The account that the process uses. Storage has the right time, and the process the clock of its machine.</summary>
    /// <param name="time">The right time.</param>
    /// <param name="configure">Changes the options of the clients.</param>
    public StorageAccount Account(string connectionString, TimeProvider time, Action<ClientOptions> configure)
    {
        Clock ??= new MachineClock(time);
        return new StorageAccount(
            new StorageOptions { ConnectionString = connectionString },
            client =>
            {
                client.Transport = this;
                configure(client);
            },
            Clock);
    }

    public override Request CreateRequest() => s_storage.CreateRequest();

    public override void Process(HttpMessage message) => throw new NotSupportedException("All calls are asynchronous");

    public override async ValueTask ProcessAsync(HttpMessage message)
    {
        if (_isDead)
            throw new KilledException();
        bool isHit = Interlocked.Increment(ref _calls) == atCall;
        Log.Enqueue(CallOf(message));
        isHit &= fault != Fault.None;
        if (isHit)
            Hit = CallOf(message);
        bool takesEffect = !isHit || BeginsBeside();
        if (IsStalled)
            await _awoken.Task.WaitAsync(message.CancellationToken);
        if (takesEffect)
        {
            if (!IsRefused(message))
                await PassOnAsync(message);
            return;
        }
        _isDead = fault is Fault.KillBefore or Fault.KillAfter;
        if (fault is Fault.TimeoutAfter or Fault.KillAfter or Fault.Drain)
            await PassOnAsync(message);
        switch (fault)
        {
            case Fault.Unavailable:
                message.Response = new BareResponse(503);
                break;
            case Fault.PreconditionFailed:
                message.Response = new BareResponse(412);
                break;
            case Fault.NotFound:
                message.Response = new BareResponse(404);
                break;
            case Fault.Drain:
                await _stopping.CancelAsync();
                break;
            case Fault.TimeoutBefore or Fault.TimeoutAfter:
                throw new TaskCanceledException("The call timed out");
            default:
                throw new KilledException();
        }
    }

    /// <summary>Begins a fault of the process, which leaves the call as it is.</summary>
    /// <returns>False for a fault of the call.</returns>
    private bool BeginsBeside()
    {
        switch (fault)
        {
            case Fault.StallBriefly or Fault.StallToTheEnd:
                _stalled.TrySetResult();
                return true;
            case Fault.ClockAhead or Fault.ClockBehind:
                Clock!.Jump(fault == Fault.ClockAhead ? s_jump : -s_jump);
                return true;
            case Fault.StorageFull:
                Interlocked.Exchange(ref _refusals, Refusals);
                return true;
            default:
                return false;
        }
    }

    /// <summary>Answers a write that has no room.</summary>
    private bool IsRefused(HttpMessage message)
    {
        bool writes = message.Request.Method != RequestMethod.Get && message.Request.Method != RequestMethod.Head
            && message.Request.Method != RequestMethod.Delete;
        if (!writes || Volatile.Read(ref _refusals) <= 0 || Interlocked.Decrement(ref _refusals) < 0)
            return false;
        message.Response = new BareResponse(507);
        return true;
    }

    private static string CallOf(HttpMessage message) => $"{message.Request.Method} {message.Request.Uri.Path}";

    private async Task PassOnAsync(HttpMessage message)
    {
        await s_storage.ProcessAsync(message);
        if (Clock is not null)
            message.Response = new DatedResponse(message.Response, Clock.RightTime.GetUtcNow());
    }

    private sealed class BareResponse(int status) : Azure.Response
    {
        public override int Status => status;

        public override string ReasonPhrase => "Injected";

        public override Stream? ContentStream { get; set; } = new MemoryStream();

        public override string ClientRequestId { get; set; } = "";

        public override void Dispose()
        {
        }

        protected override bool ContainsHeader(string name) => false;

        protected override IEnumerable<HttpHeader> EnumerateHeaders() => [];

        protected override bool TryGetHeader(string name, [NotNullWhen(true)] out string? value)
        {
            value = null;
            return false;
        }

        protected override bool TryGetHeaderValues(string name, [NotNullWhen(true)] out IEnumerable<string>? values)
        {
            values = null;
            return false;
        }
    }
}
