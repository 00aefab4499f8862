using System.Net;
using System.Text.RegularExpressions;
using static LLaDA.Batch.Functions.Tests.ControlPlane;

namespace LLaDA.Batch.Functions.Tests.Http;

/// <summary>How the page's files are served; tests/Page.Tests looks at them in a browser.</summary>
public sealed partial class PageFilesTests(StorageFixture fixture)
{
    [Fact]
    public async Task The_page_needs_no_key_and_allows_no_inline_script_no_frame_and_no_other_host()
    {
        await using var plane = await StartAsync(fixture);
        using var client = plane.NewClientWithoutKey();

        using var answer = await client.GetAsync("/");

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal("text/html", answer.Content.Headers.ContentType!.MediaType);
        string policy = Assert.Single(answer.Headers.GetValues("Content-Security-Policy"));
        Assert.Contains("default-src 'none'; script-src 'self'; style-src 'self'", policy, StringComparison.Ordinal);
        Assert.Contains("frame-ancestors 'none'", policy, StringComparison.Ordinal);
        Assert.DoesNotContain("unsafe", policy, StringComparison.Ordinal);
        Assert.DoesNotMatch(InlineScript(), await answer.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task A_file_is_kept_for_ever_and_not_sent_twice()
    {
        await using var plane = await StartAsync(fixture);
        using var client = plane.NewClientWithoutKey();
        string script = Script().Match(await client.GetStringAsync("/")).Groups["path"].Value;

        using var answer = await client.GetAsync(script);
        Assert.Contains("immutable", answer.Headers.CacheControl!.ToString(), StringComparison.Ordinal);

        using var again = new HttpRequestMessage(HttpMethod.Get, script) { Headers = { IfNoneMatch = { answer.Headers.ETag! } } };
        using var unchanged = await client.SendAsync(again);
        Assert.Equal(HttpStatusCode.NotModified, unchanged.StatusCode);
        Assert.Empty(await unchanged.Content.ReadAsByteArrayAsync());
    }

    [Fact]
    public async Task The_first_look_takes_less_than_100_KB()
    {
        await using var plane = await StartAsync(fixture);
        using var client = plane.NewClientWithoutKey();
        client.DefaultRequestHeaders.AcceptEncoding.ParseAdd("gzip");
        string html = await PlainAsync("/");

        int size = html.Length;
        foreach (Match file in File().Matches(html))
        {
            using var answer = await client.GetAsync(file.Groups["path"].Value);
            Assert.Equal("gzip", Assert.Single(answer.Content.Headers.ContentEncoding));
            size += (await answer.Content.ReadAsByteArrayAsync()).Length;
        }

        Assert.InRange(size, 10_000, 100_000);

        async Task<string> PlainAsync(string path)
        {
            using var plain = plane.NewClientWithoutKey();
            return await plain.GetStringAsync(path);
        }
    }

    [Theory]
    [InlineData("/assets/none.js")]
    [InlineData("/assets/index.html")]
    [InlineData("/assets/..%2Fopenapi.json")]
    public async Task Other_files_are_not_found(string path)
    {
        await using var plane = await StartAsync(fixture);
        using var client = plane.NewClientWithoutKey();

        using var answer = await client.GetAsync(path);

        Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
        Assert.Contains("\"error\"", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [GeneratedRegex("<script(?![^>]*src=)", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex InlineScript();

    [GeneratedRegex("src=\"(?<path>/assets/[^\"]+)\"", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Script();

    [GeneratedRegex("\"(?<path>/assets/[^\"]+)\"", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex File();
}
