using System.Diagnostics.CodeAnalysis;
using Azure.Core;
using Azure.Core.Pipeline;

namespace LLaDA.Batch.Testing;

/// <summary>Passes calls on to storage, all but one, which meets a fault.</summary>
/// <param name="atCall">From 1 on.</param>
public sealed class FaultyTransport(Fault fault, int atCall) : HttpPipelineTransport, IDisposable
{
    private const string Nothing = "nothing";
    private static readonly HttpClientTransport s_storage = new();

    private readonly TaskCompletionSource _stalled = new(TaskCreationOptions.RunContinuationsAsynchronously), _awoken =
        new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenSource _stopping = new();
    private int _calls;
    private volatile bool _isDead;

    /// <summary>Calls made so far.</summary>
    public int Calls => _calls;

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

    /// <summary>What the call with the fault was, for messages.</summary>
    public string Hit { get; private set; } = Nothing;

    /// <summary>Lets a process that stands still go on, with the call at which it stood.</summary>
    public void Wake() => _awoken.TrySetResult();

    public void Dispose() => _stopping.Dispose();

    public override Request CreateRequest() => s_storage.CreateRequest();

    public override void Process(HttpMessage message) => throw new NotSupportedException("All calls are asynchronous");

    public override async ValueTask ProcessAsync(HttpMessage message)
    {
        if (_isDead)
            throw new KilledException();
        bool isHit = Interlocked.Increment(ref _calls) == atCall;
        if (isHit && fault is (Fault.StallBriefly or Fault.StallToTheEnd))
        {
            Hit = $"{message.Request.Method} {message.Request.Uri.Path}";
            _stalled.TrySetResult();
        }
        if (IsStalled)
            await _awoken.Task.WaitAsync(message.CancellationToken);
        if (!isHit || fault is Fault.None or Fault.StallBriefly or Fault.StallToTheEnd)
        {
            await s_storage.ProcessAsync(message);
            return;
        }
        Hit = $"{message.Request.Method} {message.Request.Uri.Path}";
        _isDead = fault is Fault.KillBefore or Fault.KillAfter;
        if (fault is Fault.TimeoutAfter or Fault.KillAfter or Fault.Drain)
            await s_storage.ProcessAsync(message);
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
