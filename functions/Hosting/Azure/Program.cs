using LLaDA.Batch.Functions.Answers;
using LLaDA.Batch.Functions.Hosting;
using LLaDA.Batch.Shared.Storage;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Azure.Functions.Worker.Builder;

var builder = FunctionsApplication.CreateBuilder(args);
builder.ConfigureFunctionsWebApplication();
builder.Services.AddFunctions(builder.Configuration);
builder.Services.AddSingleton(RestApi.Build);
builder.Services.AddSingleton(new EventStreams(AreServed: false));      // until the host is shown to pass events on while they are written
// The host has limited the body. It sends all of it before it reads the answer, so a body that the API refuses is read to its end.
builder.Services.Configure<KestrelServerOptions>(kestrel => kestrel.Limits.MaxRequestBodySize = null);

var app = builder.Build();
await app.Services.GetRequiredService<StorageAccount>().EnsureCreatedAsync([StorageNames.DefaultProfile], CancellationToken.None);
await app.RunAsync();
