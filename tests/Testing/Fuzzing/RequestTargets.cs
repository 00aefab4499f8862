using System.Text;
using System.Text.Json;
using LLaDA.Batch.Functions.Batches;
using LLaDA.Batch.Functions.Files;
using LLaDA.Batch.Functions.FineTuning;
using LLaDA.Batch.Functions.Hosting;
using LLaDA.Batch.Functions.Http;
using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Shared.Models;
using LLaDA.Batch.Shared.Storage;
using LLaDA.Batch.Shared.Wire;
using LLaDA.Batch.Worker.Models;
using LLaDA.Batch.Worker.Requests;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;

namespace LLaDA.Batch.Testing.Fuzzing;

/// <summary>What clients send: JSON bodies, lines of batches and of training data, and uploads.</summary>
internal static class RequestTargets
{
    private const int MaxLineBytes = 1 << 20;
    private const string Boundary = "----b";

    public static IReadOnlyList<FuzzTarget> All(LoadedModel model) => [Json(), TrainingLines(), BatchLines(), Bodies(model), Uploads()];

    private static FuzzTarget Json() => new(
        "json",
        [.. Texts("""{"a":[1,2.5e3,"\u00e9\ud83d\ude42",{"b":null,"c":[true,false]}],"d":{"e":{"f":"g\n"}}}""", "[[[[]]]]")],
        input => StrictJson.Parse(input),
        exception => exception is InvalidJsonException)
    { Words = ["\\ud800", "\\udfff", "\uFEFF", "\u0000", "\u001A", "NaN", "Infinity"] };

    private static FuzzTarget TrainingLines() => new(
        "training file",
        [
            .. Texts(
                """
                {"messages":[{"role":"system","content":"a"},{"role":"user","content":"b"},{"role":"assistant","content":"c","weight":1}]}
                """,
                """{"messages":[{"role":"user","content":[{"type":"text","text":"b"}]},{"role":"assistant","content":"c"}]}""",
                """{"prompt":"a","completion":"b"}""", """{"text":"a"}""",
                "{\"text\":\"a\"}\r\n\uFEFF{\"prompt\":\"a\",\"completion\":\"b\"}\n\n"),
        ],
        input => Run(async () =>
        {
            await foreach (var line in JsonLines.ReadAsync(new MemoryStream(input), MaxLineBytes, CancellationToken.None))
            {
                foreach (var method in Enum.GetValues<FineTuningMethod>())
                    Require(TrainingLine.Fault(line, method));
            }
        }),
        _ => false)
    { Words = ["role", "content", "weight", "assistant", "developer", "tool_calls", "refusal", "\uFEFF", "\n"] };

    private static FuzzTarget BatchLines() => new(
        "batch file",
        [
            .. Texts(
                """{"custom_id":"a","method":"POST","url":"/v1/infill","body":{"model":"tiny","text":"the [MASK:2] fox"}}""",
                """
                {"custom_id":"a","method":"POST","url":"/v1/infill","body":{"model":"tiny","text":"a"}}
                {"custom_id":"b","method":"POST","url":"/v1/infill","body":{"model":"other","text":"b"}}
                """),
        ],
        input => Run(async () =>
        {
            var errors = new BatchValidationErrors();
            var validator = new InputValidator(
                BatchEndpoint.Infill, id => Task.FromResult<ModelRecord?>(id == "tiny" ? new ModelRecord { Id = id } : null), errors);
            await foreach (var line in JsonLines.ReadAsync(new MemoryStream(input), MaxLineBytes, CancellationToken.None))
                await validator.CheckAsync(line);
        }),
        _ => false)
    { Words = ["custom_id", "method", "url", "body", "model", "POST", "/v1/infill", "\n"] };

    private static FuzzTarget Bodies(LoadedModel model) => new(
        "body of a line",
        [
            .. Texts(
                """{"model":"tiny","text":"the [MASK:3] fox [MASK] \\[MASK]","steps":4,"cache":"dual","temperature":0.5,"seed":1}""",
                """
                {"model":"tiny","text":"a [MASK] b [MASK:2]","pattern":{"1":"word"},"choices":{"0":["x","y"]},"num_samples":2}
                """,
                """{"model":"tiny","prompt":"the lazy","suffix":" dog","max_tokens":4,"threshold":0.9}""",
                """{"model":"tiny","prompt":"the","completions":[" dog"," fox"],"num_samples":2}""",
                """
                {"model":"tiny","messages":[{"role":"system","content":"a"},{"role":"user","content":[{"type":"text","text":"hi"}]}]}
                """),
        ],
        input =>
        {
            var body = StrictJson.Parse(input);
            if (body.ValueKind != JsonValueKind.Object)
                return;
            foreach (string endpoint in BatchEndpoint.All)
            {
                try
                {
                    LineJobs.Create(endpoint, body, model, seed: 1, DateTimeOffset.UnixEpoch);
                }
                catch (LineException refused)
                {
                    Require(refused.Error.Message);
                }
            }
        },
        exception => exception is InvalidJsonException)
    {
        FixedBytes = 64 << 20,
        BytesPerByte = 20_000,
        Words =
        [
            "[MASK]", "[MASK:", "[MASK:1048576]", "\\[MASK]", "<|eot_id|>", "steps", "block_length", "cfg_scale", "top_p", "remasking", "n",
            "choices", "pattern", "digits", "sentence", "logprobs", "top_logprobs", "frequency_penalty",
        ],
    };

    private static FuzzTarget Uploads()
    {
        const string connection = "DefaultEndpointsProtocol=http;AccountName=a;AccountKey=AAAA;BlobEndpoint=http://127.0.0.1:1/a;"
            + "QueueEndpoint=http://127.0.0.1:2/a;TableEndpoint=http://127.0.0.1:3/a;";
        var configuration = new ConfigurationBuilder().AddInMemoryCollection([new("Storage:ConnectionString", connection)]).Build();
        var storage = new StorageAccount(
            new StorageOptions { ConnectionString = connection }, client => client.Transport = new AcceptingTransport(tablePort: 3));
        var services = new ServiceCollection().AddLogging().AddFunctions(configuration).AddSingleton(storage).BuildServiceProvider();
        var upload = services.GetRequiredService<FileUpload>();
        const string part = $"--{Boundary}\r\nContent-Disposition: form-data; name=";
        return new FuzzTarget(
            "upload",
            [
                .. Texts(
                    $"{part}\"purpose\"\r\n\r\nbatch\r\n"
                    + $"{part}\"file\"; filename=\"a.jsonl\"\r\nContent-Type: text/plain\r\n\r\n{{}}\r\n--{Boundary}--\r\n",
                    $"{part}\"file\"; filename*=UTF-8''%41\r\n\r\n{{}}\r\n{part}\"purpose\"\r\n\r\nfine-tune\r\n"
                    + $"{part}\"expires_after\"\r\n\r\n"
                    + $"{{\"anchor\":\"created_at\",\"seconds\":3600}}\r\n--{Boundary}--\r\n"),
            ],
            input => Run(async () =>
            {
                var context = new DefaultHttpContext { RequestServices = services };
                context.Request.ContentType = $"multipart/form-data; boundary={Boundary}";
                context.Request.Body = new MemoryStream(input);
                await upload.ReceiveAsync(context.Request, "tenant", CancellationToken.None);
            }),
            exception => exception is ApiException { Status: >= 400 and < 500 })
        {
            Words =
            [
                $"--{Boundary}", "\r\n\r\n", "name=\"file\"", "filename", "Content-Type: ", "Content-Disposition: form-data",
                "expires_after",
            ],
        };
    }

    private static IEnumerable<byte[]> Texts(params string[] texts) => texts.Select(Encoding.UTF8.GetBytes);

    /// <summary>Runs to its end on this thread, where nothing waits.</summary>
    private static void Run(Func<Task> read) => read().GetAwaiter().GetResult();

    /// <summary>A fault that is returned is a sentence too.</summary>
    private static void Require(string? fault)
    {
        if (fault is not null && (string.IsNullOrWhiteSpace(fault) || fault.Length > 2_000))
            throw new InvalidOperationException($"A fault is no sentence: {fault}");
    }
}
