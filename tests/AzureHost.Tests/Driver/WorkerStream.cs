using System.Collections.Concurrent;
using System.Threading.Channels;
using Grpc.Core;
using LLaDA.Batch.AzureHost.Tests.Driver.Protocol;

namespace LLaDA.Batch.AzureHost.Tests.Driver;

/// <summary>The host's end of the stream that the worker opens: requests with their answers, and the worker's log.</summary>
internal sealed class WorkerStream : FunctionRpc.FunctionRpcBase
{
    private readonly Channel<StreamingMessage> _outgoing = Channel.CreateUnbounded<StreamingMessage>();
    private readonly ConcurrentDictionary<string, TaskCompletionSource<StreamingMessage>> _pending = [];
    private readonly TaskCompletionSource<string> _started = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Id of the worker, once it has opened the stream.</summary>
    public Task<string> Started => _started.Task;

    /// <summary>What the worker logged, in order.</summary>
    public ConcurrentQueue<RpcLog> Log { get; } = [];

    public override async Task EventStream(
        IAsyncStreamReader<StreamingMessage> requestStream, IServerStreamWriter<StreamingMessage> responseStream, ServerCallContext context)
    {
        var sending = SendAsync(responseStream, context.CancellationToken);
        try
        {
            await foreach (var message in requestStream.ReadAllAsync(context.CancellationToken))
                Receive(message);
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException)
        {
            // The worker has stopped, or was killed.
        }
        foreach (var answer in _pending.Values)
            answer.TrySetException(new IOException("The worker closed its stream"));
        await sending.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    /// <summary>Sends a request and waits for its answer.</summary>
    public async Task<StreamingMessage> AskAsync(StreamingMessage request, CancellationToken cancellation)
    {
        request.RequestId = Guid.NewGuid().ToString();
        var answer = new TaskCompletionSource<StreamingMessage>(TaskCreationOptions.RunContinuationsAsynchronously);
        _pending[request.RequestId] = answer;
        Send(request);
        try
        {
            return await answer.Task.WaitAsync(cancellation);
        }
        finally
        {
            _pending.TryRemove(request.RequestId, out _);
        }
    }

    public void Send(StreamingMessage message) => Assert.True(_outgoing.Writer.TryWrite(message));

    private async Task SendAsync(IServerStreamWriter<StreamingMessage> stream, CancellationToken cancellation)
    {
        await foreach (var message in _outgoing.Reader.ReadAllAsync(cancellation))
            await stream.WriteAsync(message, cancellation);
    }

    private void Receive(StreamingMessage message)
    {
        if (message.ContentCase == StreamingMessage.ContentOneofCase.StartStream)
            _started.TrySetResult(message.StartStream.WorkerId);
        else if (message.ContentCase == StreamingMessage.ContentOneofCase.RpcLog)
            Log.Enqueue(message.RpcLog);
        else if (_pending.TryGetValue(message.RequestId, out var answer))
            answer.TrySetResult(message);
    }
}
