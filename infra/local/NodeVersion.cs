using System.Globalization;
using System.Text.RegularExpressions;

namespace LLaDA.Batch.Local;

/// <summary>The version of Node.js, checked before Azurite runs on it: an old one fails with a syntax error.</summary>
internal static partial class NodeVersion
{
    /// <summary>Sentence for a machine without Node.js.</summary>
    public const string WhenMissing = "Node.js is needed to run Azurite: " + WayOut;

    private const string WayOut = "install Node.js 20 or later and put it first on the PATH";
    private const int Oldest = 20;

    /// <param name="output">Of <c>node --version</c>, such as <c>v20.11.1</c>; version managers may print lines before it.</param>
    /// <exception cref="StackException">The version is too old or cannot be recognised.</exception>
    public static void Require(string output)
    {
        var version = Version().Match(output);
        if (!version.Success)
            throw new StackException($"'node --version' printed '{output.Trim()}' instead of a version: {WayOut}");
        if (int.Parse(version.Groups["major"].Value, CultureInfo.InvariantCulture) < Oldest)
            throw new StackException($"Node.js {version.Value} is too old for Azurite: {WayOut}");
    }

    [GeneratedRegex(
        @"^v(?<major>[0-9]{1,6})(\.[0-9]+)*", RegexOptions.ExplicitCapture | RegexOptions.Multiline, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Version();
}
