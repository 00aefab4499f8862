using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using Cronos;
using LLaDA.Batch.AzureHost.Tests.Driver.Protocol;
using LLaDA.Batch.Shared.Storage;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace LLaDA.Batch.AzureHost.Tests.Driver;

/// <summary>Plays the Azure Functions host: starts the published app as a worker and triggers its functions.</summary>
internal sealed class FunctionsHost : IAsyncDisposable
{
    private const string Version = "4.0.0";
    private const int MaxMessageBytes = int.MaxValue;
    private static readonly TimeSpan s_startTime = TimeSpan.FromMinutes(3), s_gracePeriod = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(200);

    private readonly WebApplication _server;
    private readonly WorkerStream _worker;
    private readonly Process _process;
    private readonly HostSettings _settings = HostSettings.Read();
    private readonly CancellationTokenSource _stop = new();
    private readonly List<Task> _listening = [];
    private readonly ConcurrentQueue<string> _log = [];
    private readonly ConcurrentQueue<RpcException> _failures = [];
    private HttpFront? _front;

    private FunctionsHost(WebApplication server, WorkerStream worker, Process process) =>
        (_server, _worker, _process) = (server, worker, process);

    public IReadOnlyList<HostedFunction> Functions { get; private set; } = [];

    /// <summary>How often each function has ended well, by name.</summary>
    public ConcurrentDictionary<string, int> Succeeded { get; } = [];

    /// <summary>Calls the API through the host, without a key.</summary>
    public HttpClient Client { get; private set; } = new();

    /// <summary>Exceptions that the worker logged, and those of failed functions.</summary>
    public IEnumerable<RpcException> Exceptions =>
        [.. _worker.Log.Select(entry => entry.Exception).OfType<RpcException>(), .. _failures];

    /// <summary>What the host and the worker logged.</summary>
    public IEnumerable<string> Log =>
        [.. _worker.Log.Select(entry => $"{entry.Level} {entry.Message} {entry.Exception?.Message}"), .. _log];

    /// <summary>Largest working set of the worker so far, in bytes.</summary>
    public long PeakBytes
    {
        get
        {
            _process.Refresh();
            return _process.PeakWorkingSet64;
        }
    }

    /// <param name="appSettings">Settings of the deployed app, <c>FUNCTIONS_REQUEST_BODY_SIZE_LIMIT</c> among them.</param>
    /// <param name="except">A function that is not triggered.</param>
    public static async Task<FunctionsHost> StartAsync(
        StorageAccount storage, IReadOnlyDictionary<string, string> appSettings, string? except)
    {
        var worker = new WorkerStream();
        HttpFront? front = null;
        var server = await ListenAsync(worker, context => front!.HandleAsync(context));
        string[] addresses = [.. server.Urls];
        var host = new FunctionsHost(server, worker, Start(new Uri(addresses[0]), appSettings));
        try
        {
            using var limit = new CancellationTokenSource(s_startTime);
            var workerAddress = await host.LoadAsync(limit.Token);
            long maxRequestBytes = long.Parse(appSettings["FUNCTIONS_REQUEST_BODY_SIZE_LIMIT"], CultureInfo.InvariantCulture);
            host._front = front = new HttpFront(
                host._settings, maxRequestBytes, workerAddress, host.Functions, host.InvokeAsync, host._log.Enqueue);
            host.Client = new HttpClient { BaseAddress = new Uri(addresses[1]), Timeout = s_startTime };
            await host.WarmAsync(limit.Token);
            host.Trigger(storage, except);
            return host;
        }
        catch
        {
            await host.DisposeAsync();
            throw;
        }
    }

    /// <summary>Stops as a deployment does: no new work, cancellation of what runs, and a word to the worker.</summary>
    /// <returns>Whether the worker ended within its grace period.</returns>
    public async Task<bool> StopAsync()
    {
        await _stop.CancelAsync();
        await Task.WhenAll(_listening);
        _worker.Send(new StreamingMessage { WorkerTerminate = new WorkerTerminate() });
        using var limit = new CancellationTokenSource(s_gracePeriod);
        await _process.WaitForExitAsync(limit.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return _process.HasExited;
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        if (!_process.HasExited)
            _process.Kill(entireProcessTree: true);
        await _process.WaitForExitAsync();
        await Task.WhenAll(_listening).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await _server.DisposeAsync();
        _process.Dispose();
        _front?.Dispose();
        Client.Dispose();
        _stop.Dispose();
    }

    /// <summary>The first address is that of the stream, the second that of the API.</summary>
    private static async Task<WebApplication> ListenAsync(WorkerStream worker, RequestDelegate front)
    {
        var builder = WebApplication.CreateBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Listen(IPAddress.Loopback, 0, endpoint => endpoint.Protocols = HttpProtocols.Http2);
            kestrel.Listen(IPAddress.Loopback, 0, endpoint => endpoint.Protocols = HttpProtocols.Http1);
        });
        builder.Services.AddSingleton(worker);
        builder.Services.AddGrpc(grpc => grpc.MaxReceiveMessageSize = grpc.MaxSendMessageSize = MaxMessageBytes);
        var server = builder.Build();
        server.Use((context, next) => context.Request.Protocol == HttpProtocol.Http2 ? next(context) : front(context));
        server.MapGrpcService<WorkerStream>();
        await server.StartAsync();
        return server;
    }

    private static Process Start(Uri stream, IReadOnlyDictionary<string, string> appSettings)
    {
        string id = Guid.NewGuid().ToString(), request = Guid.NewGuid().ToString(), size = $"{MaxMessageBytes}";
        var start = new ProcessStartInfo("dotnet", [
            PublishedApp.Program,
            "--host", stream.Host, "--port", $"{stream.Port}", "--workerId", id, "--requestId", request, "--grpcMaxMessageLength", size,
            "--functions-uri", stream.AbsoluteUri, "--functions-worker-id", id, "--functions-request-id", request,
            "--functions-grpc-max-message-length", size,
        ]) { WorkingDirectory = PublishedApp.Folder };
        foreach (var (name, value) in appSettings)
            start.Environment[name] = value;
        start.Environment["FUNCTIONS_WORKER_RUNTIME"] = "dotnet-isolated";
        start.Environment["FUNCTIONS_APPLICATION_DIRECTORY"] = start.Environment["FUNCTIONS_WORKER_DIRECTORY"] = PublishedApp.Folder;
        return Process.Start(start)!;
    }

    /// <returns>Where the worker takes HTTP requests.</returns>
    private async Task<Uri> LoadAsync(CancellationToken cancellation)
    {
        await _worker.Started.WaitAsync(cancellation);
        var init = await _worker.AskAsync(new StreamingMessage { WorkerInitRequest = new WorkerInitRequest
        {
            HostVersion = Version, WorkerDirectory = PublishedApp.Folder, FunctionAppDirectory = PublishedApp.Folder,
        } }, cancellation);
        Require(init.WorkerInitResponse.Result);
        var described = await _worker.AskAsync(
            new StreamingMessage { FunctionsMetadataRequest = new FunctionsMetadataRequest { FunctionAppDirectory = PublishedApp.Folder } },
            cancellation);
        Require(described.FunctionMetadataResponse.Result);
        Functions = [.. described.FunctionMetadataResponse.FunctionMetadataResults.Select(metadata => new HostedFunction(metadata))];
        foreach (var function in Functions)
        {
            var request = new FunctionLoadRequest { FunctionId = function.Id, Metadata = function.Metadata };
            var loaded = await _worker.AskAsync(new StreamingMessage { FunctionLoadRequest = request }, cancellation);
            Require(loaded.FunctionLoadResponse.Result);
        }
        return new Uri(init.WorkerInitResponse.Capabilities["HttpUri"]);
    }

    /// <summary>Waits for a first answer: the worker may describe its functions before it takes requests.</summary>
    private async Task WarmAsync(CancellationToken cancellation)
    {
        while (true)
        {
            using var answer = await Client.GetAsync("/healthz", cancellation);
            if (answer.IsSuccessStatusCode)
                return;
            await Task.Delay(s_pause, cancellation);
        }
    }

    private void Trigger(StorageAccount storage, string? except)
    {
        foreach (var function in Functions.Where(function => function.Queue is not null && function.Name != except))
        {
            var listener = new QueueListener(
                storage, function.Queue!, _settings, text => RunAsync(function, new TypedData { String = text }), _log.Enqueue);
            _listening.Add(listener.RunAsync(_stop.Token));
        }
        _listening.AddRange(Functions.Where(function => function.Schedule is not null).Select(RepeatAsync));
    }

    private async Task RepeatAsync(HostedFunction function)
    {
        const string timer = """{"Schedule":{"AdjustForDST":false},"ScheduleStatus":null,"IsPastDue":false}""";
        var cron = CronExpression.Parse(function.Schedule!, CronFormat.IncludeSeconds);
        try
        {
            while (true)
            {
                var now = TimeProvider.System.GetUtcNow().UtcDateTime;
                await Task.Delay(cron.GetNextOccurrence(now)!.Value - now, _stop.Token);
                await RunAsync(function, new TypedData { Json = timer });
            }
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            // The host stops.
        }
    }

    private async Task<bool> RunAsync(HostedFunction function, TypedData trigger)
    {
        try
        {
            var result = await InvokeAsync(function, Guid.NewGuid().ToString(), trigger);
            if (result.Status == StatusResult.Types.Status.Success)
                return true;
            _log.Enqueue($"Executed 'Functions.{function.Name}' (Failed): {result.Exception?.Message}");
            return false;
        }
        catch (IOException)
        {
            return false;
        }
    }

    private async Task<StatusResult> InvokeAsync(HostedFunction function, string invocationId, TypedData trigger)
    {
        var request = new InvocationRequest { InvocationId = invocationId, FunctionId = function.Id, TraceContext = new RpcTraceContext() };
        request.InputData.Add(new ParameterBinding { Name = function.Parameter, Data = trigger });
        await using var cancelling = _stop.Token.Register(
            () => _worker.Send(new StreamingMessage { InvocationCancel = new InvocationCancel { InvocationId = invocationId } }));
        var answer = await _worker.AskAsync(new StreamingMessage { InvocationRequest = request }, CancellationToken.None);
        var result = answer.InvocationResponse.Result;
        if (result.Status == StatusResult.Types.Status.Success)
            Succeeded.AddOrUpdate(function.Name, 1, (_, count) => count + 1);
        else if (result.Exception is not null)
            _failures.Enqueue(result.Exception);
        return result;
    }

    private static void Require(StatusResult result) =>
        Assert.True(result.Status == StatusResult.Types.Status.Success, $"{result.Exception?.Message}\n{result.Exception?.StackTrace}");
}
