using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using LLaDA.Batch.Shared.Keys;
using LLaDA.Batch.Shared.Storage;
using static LLaDA.Batch.Functions.Tests.ControlPlane;

namespace LLaDA.Batch.Functions.Tests.Faults;

/// <summary>
/// A host whose temporary folder is full. Requests with an Idempotency-Key are kept there beyond 64 KB, because they are read twice; no
/// other request needs it.
/// </summary>
public sealed partial class FullTemporaryFolderTests(StorageFixture fixture) : IDisposable
{
    private const string Tenant = "tenant";

    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(2);

    private readonly string _folder = Directory.CreateTempSubdirectory("llada-full-").FullName;

    [Fact]
    public async Task A_request_that_needs_it_is_refused_with_a_time_to_come_back_and_succeeds_once_there_is_room()
    {
        string connection = fixture.NewConnectionString();
        var storage = new StorageAccount(new StorageOptions { ConnectionString = connection });
        await storage.EnsureCreatedAsync([StorageNames.DefaultProfile], CancellationToken.None);
        string key = await new ApiKeys(storage, TimeProvider.System).CreateAsync(Tenant, "test", CancellationToken.None);
        using var host = Start(connection);
        try
        {
            using var client = new HttpClient { BaseAddress = await AddressAsync(host) };
            client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);

            using (var refused = await UploadAsync(client, "first"))
            {
                string text = await refused.Content.ReadAsStringAsync();
                Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.StatusCode);
                Assert.Equal("storage_unavailable", JsonNode.Parse(text)!["error"]!["code"]!.GetValue<string>());
                Assert.True(refused.Headers.RetryAfter!.Delta > TimeSpan.Zero);
            }
            using (var streamed = await UploadAsync(client, key: null))
                Assert.Equal(HttpStatusCode.OK, streamed.StatusCode);
            File.Delete($"/proc/{host.Id}/root{_folder}/filler");
            using (var done = await UploadAsync(client, "first"))
                Assert.Equal(HttpStatusCode.OK, done.StatusCode);

            var files = (await ReadAsync(await client.GetAsync("/v1/files")))["data"]!.AsArray();
            Assert.Equal(2, files.Count);
            Assert.Equal(2, await storage.Container(StorageNames.FilesContainer).GetBlobsAsync().CountAsync());
            Assert.Empty(Directory.GetFiles($"/proc/{host.Id}/root{_folder}"));
        }
        finally
        {
            host.Kill(entireProcessTree: true);
        }
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static async Task<HttpResponseMessage> UploadAsync(HttpClient client, string? key)
    {
        using var form = new MultipartFormDataContent
        {
            { new StringContent("batch"), "purpose" }, { new ByteArrayContent(new byte[1 << 20]), "file", "a.jsonl" },
        };
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/files") { Content = form };
        if (key is not null)
            request.Headers.Add("Idempotency-Key", key);
        return await client.SendAsync(request);
    }

    /// <summary>Starts the local host with a temporary folder of two megabytes, all of which a file takes.</summary>
    private Process Start(string connectionString)
    {
        if (!OperatingSystem.IsLinux())
            Assert.Skip("Only Linux has namespaces, in which a process can have a small disk of its own");
        string host = Path.Combine(AppContext.BaseDirectory, "LLaDA.Batch.Functions.dll");
        const string script =
            "mount -t tmpfs -o size=2m tmpfs \"$1\" && { dd if=/dev/zero of=\"$1/filler\" bs=64k 2>/dev/null; exec dotnet exec \"$2\"; }";
        var start = new ProcessStartInfo("unshare", ["-rm", "sh", "-c", script, "sh", _folder, host])
        {
            RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = AppContext.BaseDirectory,
        };
        start.Environment["Storage__ConnectionString"] = connectionString;
        start.Environment["ASPNETCORE_URLS"] = "http://127.0.0.1:0";
        start.Environment["ASPNETCORE_TEMP"] = _folder;
        return Process.Start(start)!;
    }

    private static async Task<Uri> AddressAsync(Process host)
    {
        using var limit = new CancellationTokenSource(s_limit);
        var said = new List<string>();
        while (await host.StandardOutput.ReadLineAsync(limit.Token) is { } line)
        {
            said.Add(line);
            if (Address().Match(line) is { Success: true } match)
            {
                _ = host.StandardOutput.ReadToEndAsync(CancellationToken.None);
                _ = host.StandardError.ReadToEndAsync(CancellationToken.None);
                return new Uri(match.Value);
            }
        }
        string errors = await host.StandardError.ReadToEndAsync(limit.Token);
        if (errors.Contains("unshare failed", StringComparison.Ordinal) || errors.Contains("mount:", StringComparison.Ordinal))
            Assert.Skip($"This machine gives a process no disk of its own: {errors.Trim()}");
        throw new InvalidOperationException($"The host did not start: {string.Join('\n', said)}\n{errors}");
    }

    [GeneratedRegex(@"http://127\.0\.0\.1:[0-9]+", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Address();
}
