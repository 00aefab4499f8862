using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using Azure.Core;

namespace LLaDA.Batch.Testing;

/// <summary>An answer of storage at a time of the test.</summary>
/// <param name="answer">Without the time.</param>
internal sealed class DatedResponse(Azure.Response answer, DateTimeOffset date) : Azure.Response
{
    private const string Name = "Date";

    private readonly string _date = date.UtcDateTime.ToString("R", CultureInfo.InvariantCulture);

    public override int Status => answer.Status;

    public override string ReasonPhrase => answer.ReasonPhrase;

    public override Stream? ContentStream
    {
        get => answer.ContentStream;
        set => answer.ContentStream = value;
    }

    public override string ClientRequestId
    {
        get => answer.ClientRequestId;
        set => answer.ClientRequestId = value;
    }

    public override void Dispose() => answer.Dispose();

    protected override bool ContainsHeader(string name) => IsDate(name) || answer.Headers.Contains(name);

    protected override IEnumerable<HttpHeader> EnumerateHeaders() =>
        answer.Headers.Where(header => !IsDate(header.Name)).Append(new HttpHeader(Name, _date));

    protected override bool TryGetHeader(string name, [NotNullWhen(true)] out string? value)
    {
        if (!IsDate(name))
            return answer.Headers.TryGetValue(name, out value);
        value = _date;
        return true;
    }

    protected override bool TryGetHeaderValues(string name, [NotNullWhen(true)] out IEnumerable<string>? values)
    {
        if (!IsDate(name))
            return answer.Headers.TryGetValues(name, out values);
        values = [_date];
        return true;
    }

    private static bool IsDate(string name) => name.Equals(Name, StringComparison.OrdinalIgnoreCase);
}
